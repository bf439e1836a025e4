/** Passes requests on to Nova and prints each as a line of JSON: `node recorder.ts ADDRESS PORT NOVA_PORT`. */
import { createServer, request } from 'node:http';

const [address = '', port = '', novaPort = ''] = process.argv.slice(2);

createServer(async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const { method = '', url: target = '', rawHeaders } = incoming;
  const headers = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? '']] : []));
  process.stdout.write(`${JSON.stringify({ method, target, headers, body: body.toString('latin1') })}\n`);
  const passed = request({ host: address, port: novaPort, method, path: target, headers: rawHeaders }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  passed.on('error', () => outgoing.destroy());
  passed.end(body);
}).listen(Number(port), address, () => process.stdout.write('"ready"\n'));
