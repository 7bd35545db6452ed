// Reads a JSON array of {name, schema, payload, valid} and prints a line for each
// payload of which ajv thinks otherwise, and for each schema that it refuses.
import { text } from 'node:stream/consumers';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const ajv = new Ajv2020.default({ allErrors: true });
addFormats.default(ajv);

for (const { name, schema, payload, valid } of JSON.parse(await text(process.stdin))) {
  try {
    const got = ajv.validate(schema, payload);
    if (got !== valid) console.log(`${name}: valid: ${got}, want ${valid}: ${ajv.errorsText()}`);
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
}
