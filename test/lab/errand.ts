/** Runs inside a namespace of the lab for courier.ts: reads errands as lines of JSON, answers likewise. */
import { createReadStream, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

export type Errand = HttpErrand | LineErrand;

export interface HttpErrand {
  kind: 'http';
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  /** Sends this file as the body. */
  bodyFile?: string;
  /** Files of the client's certificate, for https. */
  tls?: { ca: string; cert: string; key: string };
  timeoutMs: number;
}

/** Sends one line to an address, takes one line back. */
export interface LineErrand {
  kind: 'line';
  host: string;
  port: number;
  line: string;
  timeoutMs: number;
}

export interface Answer {
  /** HTTP status; 0 for a line. */
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function runHttp(errand: HttpErrand): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      method: errand.method,
      headers: errand.headers,
      agent: false as const,
      signal: AbortSignal.timeout(errand.timeoutMs),
    };
    const { tls } = errand;
    const outgoing = tls
      ? requestTls(errand.url, {
          ...options,
          ca: readFileSync(tls.ca),
          cert: readFileSync(tls.cert),
          key: readFileSync(tls.key),
        })
      : request(errand.url, options);
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (text) => {
        body += text;
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body }));
    });
    if (errand.bodyFile === undefined) outgoing.end(errand.body);
    else createReadStream(errand.bodyFile).on('error', reject).pipe(outgoing);
  });
}

function runLine(errand: LineErrand): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(errand.port, errand.host);
    let body = '';
    const timer = setTimeout(
      () => socket.destroy(new Error(`${errand.host}:${errand.port} did not answer within ${errand.timeoutMs} ms`)),
      errand.timeoutMs,
    );
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`${errand.host}:${errand.port} closed the connection`));
    });
    socket.on('data', (text) => {
      body += text;
      if (!body.includes('\n')) return;
      resolve({ status: 0, headers: {}, body: body.slice(0, body.indexOf('\n')) });
      socket.destroy();
    });
    socket.write(`${errand.line}\n`);
  });
}

if (import.meta.main) {
  createInterface({ input: process.stdin }).on('line', (text) => {
    const { id, errand }: { id: number; errand: Errand } = JSON.parse(text);
    (errand.kind === 'http' ? runHttp(errand) : runLine(errand)).then(
      (answer) => process.stdout.write(`${JSON.stringify({ id, answer })}\n`),
      (error: Error) => process.stdout.write(`${JSON.stringify({ id, error: error.message })}\n`),
    );
  });
}
