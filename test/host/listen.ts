/** Prints a stream of hostd as it comes, from inside a network namespace: `node listen.ts PKI CLIENT URL`. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

const [pki = '', client = '', url = ''] = process.argv.slice(2);
const read = (name: string) => readFileSync(join(pki, name));
const outgoing = request(url, { ca: read('ca.crt'), cert: read(`${client}.crt`), key: read(`${client}.key`) });
outgoing.on('response', (answer) => {
  process.stdout.write(`: status ${answer.statusCode} ${answer.headers['content-type']}\n\n`);
  answer.pipe(process.stdout, { end: false });
  answer.on('end', () => process.stdout.write(': end\n\n', () => process.exit()));
});
outgoing.on('error', (error) => process.stdout.write(`: error ${error.message}\n\n`, () => process.exit()));
outgoing.end();
