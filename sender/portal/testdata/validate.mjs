// Reads {document, exchanges} and prints a line for each fault: of the document, as
// OpenAPI 3.1 has it; of its schemas and examples; and of each request and answer
// that is not as the document says.
import { text } from 'node:stream/consumers';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const { document, exchanges } = JSON.parse(await text(process.stdin));
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const say = (...words) => console.log(words.join(' '));

const { valid, errors } = await new Validator().validate(structuredClone(document));
if (!valid) say('the document:', JSON.stringify(errors));

const ajv = new Ajv2020.default({ allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
ajv.addVocabulary(Object.keys(document)); // so that the document is a schema to refer to
ajv.addSchema(document, 'doc:');

const token = (word) => encodeURIComponent(String(word).replaceAll('~', '~0').replaceAll('/', '~1'));
const at = (...path) => 'doc:#/' + path.map(token).join('/');
const follow = (node, path) =>
  node?.$ref ? [node.$ref.slice(2).split('/').reduce((n, key) => n[key], document), node.$ref.slice(2).split('/')] : [node, path];

function check(what, pointer, value) {
  try {
    if (!ajv.validate({ $ref: pointer }, value)) say(what + ':', ajv.errorsText());
  } catch (error) {
    say(what + ':', error.message);
  }
}

for (const [name, schema] of Object.entries(document.components.schemas)) {
  const pointer = at('components', 'schemas', name);
  try {
    ajv.compile({ $ref: pointer });
  } catch (error) {
    say(`schema ${name}:`, error.message);
  }
  for (const example of schema.examples ?? []) check(`example of ${name}`, pointer, example);
}

const templates = Object.keys(document.paths).map((path) => ({
  path,
  // What has fewer parameters is the closer match.
  names: path.split('{').length,
  pattern: new RegExp('^' + path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+') + '$'),
})).sort((a, b) => a.names - b.names);

const seen = new Set();
for (const { method, path, request_body, status, type, body } of exchanges) {
  const what = `${method} ${path.slice(0, 80)} ${status}`;
  const template = templates.find(({ pattern }) => pattern.test(path.split('?')[0]))?.path;
  const operation = document.paths[template]?.[method];
  if (!operation) {
    if (![404, 405].includes(status)) say(`${what}: the document has no such operation`);
    check(what, at('components', 'schemas', 'Problem'), JSON.parse(body));
    continue;
  }
  seen.add(`${method} ${template} ${status}`);
  const [answer, where] = follow(operation.responses[status], ['paths', template, method, 'responses', status]);
  if (!answer) {
    say(`${what}: no such status in the document`);
    continue;
  }
  if (!answer.content) {
    if (body) say(`${what}: a body, and none in the document`);
  } else if (!answer.content[type]) {
    say(`${what}: no Content-Type ${type} in the document`);
  } else {
    check(what, at(...where, 'content', type, 'schema'), JSON.parse(body));
  }
  if (status < 300 && request_body && operation.requestBody) {
    check(`body of ${what}`, at('paths', template, method, 'requestBody', 'content', 'application/json', 'schema'), JSON.parse(request_body));
  }
}

for (const [path, item] of Object.entries(document.paths)) {
  for (const method of methods.filter((method) => item[method])) {
    for (const status of Object.keys(item[method].responses).filter((status) => status < 300)) {
      if (!seen.has(`${method} ${path} ${status}`)) say(`${method} ${path}: no answer with ${status} was seen`);
    }
  }
}
