/** Where in the text a mistake is: UTF-16 places, `end` is behind it. */
export interface Span {
  start: number;
  end: number;
}

/** What somebody typed cannot be understood; the text says what to write instead. */
export class CommandError extends Error {
  readonly span: Span;

  constructor(message: string, span: Span) {
    super(message);
    this.name = 'CommandError';
    this.span = span;
  }
}
