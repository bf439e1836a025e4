import { fetchAnswer } from '../fetch.ts';
import { headerValues } from '../headers.ts';
import type { HeldRequest } from '../held.ts';
import { parseRequestHead, type RequestHead } from '../http/request.ts';
import type { ProxyLimits } from '../limits.ts';
import type { RelayParts } from '../relay.ts';
import type { Overlay } from './overlay.ts';
import type { Ask } from './request.ts';

/** A page of 1000 migrations is about 700 KB, one of 1000 servers in detail about 3 MB. */
const LIST_BYTES = 16 * 2 ** 20;
/** What makes an answer another one than the whole document as text. */
const NOT_SENT = /^(accept-encoding|if-.*|range)$/;
const VERSION_FIELD = /^(openstack-api-version|x-openstack-nova-api-version)$/;
const BODY_FIELD = /^(content-.*|transfer-encoding|trailer|expect)$/;

/** Gives the client Nova's answer, with the migrations that wait in it; without them where they cannot be put there. */
export async function serveOverlay(
  held: HeldRequest,
  overlay: Overlay,
  parts: RelayParts,
  limits: ProxyLimits,
): Promise<void> {
  const { head, client } = held;
  const rawHeaders = head.fields.raw;
  const nothing = { bytes: Buffer.alloc(0), continued: false };
  const ask: Ask = (change = {}) => {
    const { method, path, microversion } = change;
    const isLeftOut = (name: string) =>
      NOT_SENT.test(name) ||
      (microversion !== undefined && VERSION_FIELD.test(name)) ||
      (method !== undefined && BODY_FIELD.test(name));
    const more = microversion === undefined ? [] : [`OpenStack-API-Version: compute ${microversion}`];
    const changed = changedHead(head, { method, target: path, isLeftOut, more });
    const body = method === undefined ? held.inHand : nothing;
    return fetchAnswer(parts, changed, client, body, { ...limits, answerBytes: LIST_BYTES });
  };
  const token = headerValues(rawHeaders, 'x-auth-token')[0] ?? null;
  const request = { path: head.target, rawHeaders, body: held.content, token };
  try {
    const verdict = await overlay(request, ask);
    if (verdict.kind === 'answer') held.answer(verdict.answer);
    else if (verdict.path === null) held.pass();
    else held.pass(changedHead(head, { target: verdict.path, isLeftOut: () => false, more: [] }));
  } catch (error) {
    // Asking has changed nothing: Nova answers for itself.
    parts.log.warn({ err: error, path: head.target }, 'proxy: migrations that wait are not shown');
    held.pass();
  }
}

function changedHead(
  head: RequestHead,
  change: {
    method?: string | undefined;
    target?: string | undefined;
    isLeftOut: (name: string) => boolean;
    more: string[];
  },
): RequestHead {
  const { method = head.method, target = head.target, isLeftOut, more } = change;
  const { raw, starts } = head.fields;
  const lines = starts.slice(0, raw.length / 2).map((start, i) => head.text.slice(start, starts[i + 1] ?? undefined));
  const kept = lines.filter((_, i) => !isLeftOut((raw[2 * i] ?? '').toLowerCase()));
  const text = `${method} ${target} HTTP/1.${head.minorVersion}\r\n${kept.join('')}${more.map((line) => `${line}\r\n`).join('')}`;
  return parseRequestHead(text, starts.length + more.length);
}
