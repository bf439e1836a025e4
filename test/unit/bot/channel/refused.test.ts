import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wayOut } from '../../../../bot/channel/refused.ts';
import { type Form, inForm } from '../../../../bot/channel/shorten.ts';
import { faultsOf, MessageBlocks, MessageText } from '../../../slack/limits.ts';

const CODES = ['msg_blocks_too_long', 'msg_too_long', 'invalid_blocks', 'not_in_channel', 'message_not_found', 'other'];

it('whatever Slack answers, a message comes to its end after a few attempts', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.constantFrom(...CODES)), fc.boolean(), fc.boolean(), (codes, isFinal, posted) => {
      let [form, isPosted, elsewhere]: [Form, boolean, string | null] = ['full', posted, 'U1'];
      let attempts = 0;
      for (const code of codes) {
        attempts += 1;
        const way = wayOut(code, { form, isFinal, isPosted, elsewhere });
        if (way.kind === 'none') break;
        if (way.kind === 'shorter') form = way.form;
        // As the outbox does: what was redirected has nobody else to go to.
        if (way.kind === 'elsewhere') elsewhere = null;
        if (way.kind === 'anew') isPosted = false;
      }
      expect(attempts).toBeLessThanOrEqual(5);
    }),
  );
});

it('a shorter form is one that Slack takes', () => {
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
  const button = { type: 'button', action_id: 'a', text: { type: 'plain_text', text: 'a' } };
  const blocks = [
    ...Array.from({ length: 60 }, () => section('<&>"'.repeat(600))),
    { type: 'actions', elements: [button] },
  ];
  for (const form of ['brief', 'text'] as const) {
    const short = inForm({ text: '𝒳'.repeat(50_000), blocks }, form);
    expect(faultsOf(MessageBlocks, short.blocks)).toEqual([]);
    expect(faultsOf(MessageText, short.text)).toEqual([]);
    expect(short.text.isWellFormed()).toBe(true);
  }
});
