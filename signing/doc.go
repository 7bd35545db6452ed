// Package signing says how an attempt is signed: the headers that let the receiver of a webhook prove who sent it.
//
// It is for two readers. A host picks a [Scheme] for its profiles: [StandardWebhooks], [SHA256], or [Multi] for both on
// one request. A receiver, or a host's test, calls [Verify]. The author of a Scheme of their own reads that interface's
// contract. Nobody else needs to call Sign: the sender does, once per attempt.
//
//	signing.StandardWebhooks()                                            // webhook-id, webhook-timestamp, webhook-signature
//	signing.StandardWebhooks(signing.HeaderPrefix(signing.PrefixSvix))    // the same under svix-*
//	signing.SHA256("X-Jasper-Signature")                                  // X-Jasper-Signature: sha256=<hex>
//
// # What is signed
//
// The payload is signed exactly as given, and must be sent exactly as signed: not compacted, not encoded again.
// Standard Webhooks also signs the id and the time of the attempt, which stops the replay of an old request. SHA256
// signs the payload alone, so its receivers have to recognize a repeated event by what the payload says.
//
// # Secrets
//
// An endpoint has a list of secrets, the newest first. During a rotation it has two; the old one is dropped when the
// customer has had time to change. A secret belongs to one endpoint: with a shared one, any of the customers who know
// it can forge a webhook to the others (Standard Webhooks, "Additional considerations"). No error of this package
// contains a secret or a part of one.
package signing
