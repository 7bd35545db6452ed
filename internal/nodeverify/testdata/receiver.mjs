// A webhook receiver as customers write it, with the packages they use.
//
//   PUT  /any/path  {"verify": "svix" | "standardwebhooks" | "jasper", "secret": "…"}
//   POST /any/path  a webhook: answers 200 and who verified it, or 401 and why not
//
// It listens on a free port of the loopback address, prints the port, and ends
// when its stdin does, so that it cannot outlive the test that started it.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import * as svix from 'svix';
import * as standardwebhooks from 'standardwebhooks';
import jasper from './jasper.cjs';

const verifiers = {
  svix(body, headers, secret) {
    new svix.Webhook(secret).verify(body, headers);
  },
  // This package knows the webhook-* names alone.
  standardwebhooks(body, headers, secret) {
    const renamed = { ...headers };
    for (const name of ['id', 'timestamp', 'signature']) {
      renamed[`webhook-${name}`] ??= headers[`svix-${name}`];
    }
    new standardwebhooks.Webhook(secret).verify(body, renamed);
  },
  jasper(body, headers, secret) {
    if (!jasper.verifySignature(body, headers['x-jasper-signature'], secret)) {
      throw new Error('Invalid signature');
    }
  },
};

const names = { jasper: "the page's sample" };
for (const name of ['svix', 'standardwebhooks']) {
  const url = new URL(`node_modules/${name}/package.json`, import.meta.url);
  names[name] = `${name} ${JSON.parse(readFileSync(url)).version}`;
}

const endpoints = new Map();

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function receive({ verify, secret }, body, headers) {
  try {
    verifiers[verify](body, headers, secret);
  } catch (error) {
    return [401, `${names[verify]} refused: ${error.message}`];
  }
  return [200, `verified by ${names[verify]}`];
}

const server = createServer(async (request, response) => {
  const body = await read(request);
  if (request.method === 'PUT') {
    endpoints.set(request.url, JSON.parse(body));
    response.writeHead(204).end();
    return;
  }
  const endpoint = endpoints.get(request.url);
  const [status, text] = endpoint ? receive(endpoint, body, request.headers) : [404, 'no such endpoint'];
  response.writeHead(status).end(text);
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
