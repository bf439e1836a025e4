import fc from 'fast-check';

/** Text that somebody chose to do harm with, or that is merely unlucky. */
const PIECES = [
  '<!channel>',
  '<!here|x>',
  '<@U0EVIL001>',
  '<https://evil.example|click>',
  '<!date^0^{date}|x>',
  'https://evil.example',
  '*bold*',
  '_it_',
  '~gone~',
  '`code`',
  '```block```',
  '> quote',
  '&gt; quote',
  '&lt;!channel&gt;',
  ':tada:',
  ':+1:',
  '@channel',
  '#general',
  '\n',
  '\r\n',
  '\u2028',
  '\t',
  '\u0000',
  '\u202E',
  '\u2067',
  '\u2069',
  '\u200F',
  '\u061C',
  '\u200B',
  '\uFEFF',
  '\u{E0041}',
  '\uD800',
  'שלום',
  'مرحبا',
  'e\u0301\u0301\u0301\u0301\u0301\u0301',
  '👩‍👩‍👧',
  '⚠️',
  '*',
  '_',
  '~',
  '`',
  '<',
  '>',
  '&',
  '|',
  ' ',
  '  ',
  '',
  'web-1',
  'a'.repeat(255),
  '字'.repeat(255),
  '&'.repeat(255),
  '<'.repeat(255),
];

/** Foreign text, at most as long as Nova's names. */
export const hostileName = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 8, unit: 'binary' })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join('').slice(0, 255));

/** A reason or a command: longer. */
export const hostileText = fc.array(hostileName, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(' '));
