import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { DecisionFacts } from '../plan/facts.ts';

/** Facts name each candidate's samples, some 0.9 kB a host: on 500 hosts half a megabyte, of keys that repeat. */
const DEFLATED = 'deflate:';
const WORTH_DEFLATING = 2000;

/** As JSON, or if that is long as `deflate:` and the base64 of it, deflated (RFC 1951). */
export function writeFacts(facts: DecisionFacts): string {
  const json = JSON.stringify(facts);
  return json.length < WORTH_DEFLATING ? json : DEFLATED + deflateRawSync(json).toString('base64');
}

/** @throws Error if it is neither. */
export function readFacts(text: string): DecisionFacts {
  const json = text.startsWith(DEFLATED)
    ? inflateRawSync(Buffer.from(text.slice(DEFLATED.length), 'base64')).toString()
    : text;
  return DecisionFacts.parse(JSON.parse(json));
}
