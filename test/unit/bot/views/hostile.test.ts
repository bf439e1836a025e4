import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutShort, plainForeign } from '../../../../bot/views/inert.ts';
import { code, md, prose } from '../../../../bot/views/mrkdwn.ts';
import { spansOf, turnsText } from '../../../slack/mrkdwn.ts';
import { hostileName, hostileText } from './hostile.ts';

const spans = (text: string) =>
  spansOf(text).map(({ styles, token }) => [...styles, ...(token ? [token.kind] : [])].join('+'));

describe('foreign text', () => {
  it.each([
    ['<!channel>', '&lt;!channel&gt;'],
    ['*x* and 2*3*4', '∗x∗ and 2∗3∗4'],
    ['_x_ but live_migration_permit_post_copy', 'ˍxˍ but live_migration_permit_post_copy'],
    ['> no quote', '› no quote'],
    ['a -> b', 'a -&gt; b'],
    [':tada: at 12:30: so', '\uA789tada: at 12\uA78930: so'],
    ['`rm`', 'ˋrmˋ'],
    ['two\nlines', 'two lines'],
    ['web\u202E1', 'web\uFFFD1'],
    ['שלום', '\u2068שלום\u2069'],
  ])('in a sentence: %j is written %j', (foreign, written) => {
    expect(md`${foreign}`.mrkdwn).toBe(written);
  });

  it.each([
    ['web-1', '`web-1`'],
    ['*web*_1_', '`*web*_1_`'],
    ['a`b', '`aˋb`'],
    ['', '`\uFFFD`'],
    [' \n', '`\uFFFD`'],
    ['web\u200B1', '`web\uFFFD1`'],
    ['a<b>&c', '`a&lt;b&gt;&amp;c`'],
    [`${'x'.repeat(60)}-0042`, `\`${'x'.repeat(26)}…${'x'.repeat(8)}-0042\``],
  ])('as a name: %j is written %j', (foreign, written) => {
    expect(code(foreign).mrkdwn).toBe(written);
  });

  it('is never formatted, a mention, a link, a picture or turned, whatever stands around it', () => {
    fc.assert(
      fc.property(hostileText, hostileName, (one, other) => {
        expect(spans(prose(one).mrkdwn).join()).toBe('');
        expect(turnsText(prose(one).mrkdwn)).toBe(false);
        const text = md`*our* ${one} ${code(other)} _our ${other} own_ (${one}) ~`.mrkdwn;
        expect(spans(text)).toEqual(['bold', '', 'code', '', 'italic', '']);
        expect(turnsText(text)).toBe(false);
        const plain = plainForeign(one, 75);
        expect(spansOf(plain).every(({ token }) => token === null)).toBe(true);
        expect(turnsText(plain)).toBe(false);
        expect(plain.length).toBeGreaterThan(0);
        expect(plain.length).toBeLessThanOrEqual(75);
      }),
      { numRuns: 2000 },
    );
  });

  it('is cut between letters, never through one', () => {
    expect(cutShort('👩‍👩‍👧👩‍👩‍👧', 12)).toBe('👩‍👩‍👧…');
    expect(cutShort('abc', 3)).toBe('abc');
  });
});
