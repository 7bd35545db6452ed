// The sample of Jasper's page, "Verifying Signatures", as it stands there.

// Node.js Example
const crypto = require('crypto');

function verifySignature(payload, signature, secret) {
    const expected = 'sha256=' +
        crypto.createHmac('sha256', secret)
              .update(payload)
              .digest('hex');

    return crypto.timingSafeEqual(
        Buffer.from(expected),
        Buffer.from(signature)
    );
}

module.exports = { verifySignature };
