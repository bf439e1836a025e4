import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Config } from '../../config.ts';
import { describeError } from '../../errors.ts';
import type { ServedFacts } from '../judge/served.ts';
import { isFor, isIssued, parseCertificates } from './certificates.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANSWER_WITHIN_MS = 10_000;

/** Null: `listen.tls` is not set. */
export function probeServed({ listen, replica }: Pick<Config, 'listen' | 'replica'>): ServedFacts | null {
  const { tls } = listen;
  if (!tls) return null;
  const unusable: ServedFacts['unusable'] = [];
  const read = <T>(name: 'cert' | 'key', parse: (pem: Buffer) => T): T | null => {
    try {
      return parse(readFileSync(tls[name]));
    } catch (error) {
      unusable.push({ name, why: describeError(error) });
      return null;
    }
  };
  const chain = read('cert', parseCertificates);
  const key = read('key', (pem) => createPrivateKey(pem));
  const own = chain?.[0];
  if (!chain || !own) return { unusable, certificate: null };
  const authorities = replica?.ca === undefined ? null : parseCertificates(readFileSync(replica.ca));
  return {
    unusable,
    certificate: {
      validFromMs: own.validFromDate.getTime(),
      validToMs: own.validToDate.getTime(),
      serverAuth: isFor(own, SERVER_AUTH),
      keyMatches: key === null || own.checkPrivateKey(key),
      forAdvertised: replica === undefined ? null : namesHost(own, new URL(replica.advertise).hostname),
      issuedByCa: authorities === null ? null : isIssued(chain, authorities),
    },
  };
}

function namesHost(certificate: X509Certificate, hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  return (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;
}

/** Whether anything answers there in HTTP, whatever it says. */
export function probeOther(url: string, caFile: string | undefined): Promise<{ url: string; error: string | null }> {
  return new Promise((resolve) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const trusted = caFile === undefined ? {} : { ca: readFileSync(caFile) };
    const sent = send(url, { agent: false, timeout: ANSWER_WITHIN_MS, ...trusted }, (answer) => {
      answer.resume();
      resolve({ url, error: null });
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`)));
    sent.on('error', (error) => resolve({ url, error: describeError(error) }));
    sent.end();
  });
}
