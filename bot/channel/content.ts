import { createHash } from 'node:crypto';

/** What a message says. */
export interface Content {
  /** For notifications and for whoever cannot see blocks. */
  text: string;
  blocks: readonly object[];
}

/** `isFinal`: nothing more will come. */
export interface Rendered {
  content: Content;
  isFinal: boolean;
}

/** As the journal remembers it. `isFinal`: nothing more will come. */
export function shownAs(content: Content, isFinal: boolean): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  return `${isFinal ? 'final:' : ''}${digest}`;
}
