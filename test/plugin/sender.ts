import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Cloud } from '../cloud/cloud.ts';

/** A live migration as bytes, and what became of it. */
export interface Exchange {
  vmUuid: string;
  tag: string;
  status: number;
  /** What Nova got of it: every field but those of the connection and of forwarding, and the body. */
  arrived: { target: string; fields: string[]; body: string }[];
  sent: { target: string; fields: string[]; body: string };
}

const OF_THE_HOP = /^(connection|x-forwarded-.*|forwarded|via):/i;
let count = 0;

/** Sends one live migration, written in an unusual but legal way, and watches what arrives at the cloud double. */
export async function sendMigration(
  port: number,
  cloud: Cloud,
  vmUuid: string,
  host: string | null = null,
): Promise<Exchange> {
  count += 1;
  const tag = `sender-${count}`;
  const body = `{ "os-migrateLive" :\n  {"block_migration": "auto",\t"host": ${JSON.stringify(host)}} }`;
  const target = `/v2.1/servers/${vmUuid}/action`;
  const fields = [
    'Host: nova.example:8774',
    'accept:  application/json',
    `x-client-TAG: ${tag}`,
    'X-Auth-Token: caller-sender',
    'OpenStack-API-Version: compute 2.93',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const arrived: Exchange['arrived'] = [];
  const look = (request: IncomingMessage, content: Buffer) => {
    if (request.headers['x-client-tag'] !== tag) return;
    const { rawHeaders } = request;
    const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
    const kept = lines.filter((line) => !OF_THE_HOP.test(line));
    arrived.push({ target: request.url ?? '', fields: kept, body: content.toString() });
  };
  cloud.onRequest.add(look);
  const status = await exchange(
    port,
    [`POST ${target} HTTP/1.1`, ...fields, 'Connection: close', '', body].join('\r\n'),
  );
  cloud.onRequest.delete(look);
  const plain = fields.map((line) => line.replace(/: +/, ': '));
  return { vmUuid, tag, status, arrived, sent: { target, fields: plain, body } };
}

function exchange(port: number, bytes: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)));
  });
}
