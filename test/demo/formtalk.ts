/** The form in the demo's terminal: opened, filled in field by field, and submitted as Slack's client does. */
import { filledIn, initialState, missing, type State, shownModal } from '../slack/modal.ts';
import type { Reader } from '../slack/terminal.ts';
import type { OpenView } from '../slack/workspace.ts';
import type { Chat } from './chat.ts';

const HOW =
  '  set FIELD VALUE fills in a field (set servers vm-1 vm-2, set priority high, set deadline 18:00); submit, close';

export class FormTalk {
  readonly #chat: Chat;
  readonly #reader: () => Reader;
  readonly #print: (lines: string[]) => void;
  #open: OpenView | null = null;
  #state: State = {};
  #errors: Record<string, string> = {};

  constructor(chat: Chat, reader: () => Reader, print: (lines: string[]) => void) {
    this.#chat = chat;
    this.#reader = reader;
    this.#print = print;
  }

  /** False: the line is none of the form's. */
  async typed(line: string): Promise<boolean> {
    const [, word = '', field = '', value = ''] = /^(form|set|submit|close)(?:\s+(\S+))?(?:\s+(.*))?$/.exec(line) ?? [];
    if (word === '') return false;
    try {
      if (word === 'form') await this.#fromHome();
      else if (!this.#open) this.#print(['  (no form is open: form opens it)']);
      else if (word === 'set') this.#set(this.#open, field, value);
      else if (word === 'submit') await this.#submit(this.#open);
      else this.close();
    } catch (error) {
      this.#print([`  (${error instanceof Error ? error.message : String(error)})`]);
    }
    return true;
  }

  /** "New migration" of the app's home. */
  async #fromHome(): Promise<void> {
    this.close();
    await this.#chat.home();
    await this.#chat.clickHome('form.open');
    await this.opened();
  }

  /** A button that opens it was clicked. */
  async opened(): Promise<void> {
    const open = await this.#chat.openedForm();
    if (!open) return this.#print(['  (the form did not open)']);
    this.#open = open;
    this.#errors = {};
    this.#state = initialState(open.view);
    this.#show(open);
    this.#print([HOW]);
  }

  #set(open: OpenView, field: string, value: string): void {
    this.#state = filledIn(open.view, this.#state, field, value.trim(), this.#reader());
    delete this.#errors[field];
    this.#show(open);
  }

  async #submit(open: OpenView): Promise<void> {
    const without = missing(open.view, this.#state);
    const errors = Object.keys(without).length > 0 ? without : await this.#chat.submit(open, this.#state);
    if (errors === null) {
      this.#open = null;
      return;
    }
    this.#errors = errors;
    this.#show(open);
  }

  close(): void {
    if (this.#open) this.#chat.slack.workspace.close(this.#open.id);
    this.#open = null;
    this.#errors = {};
  }

  #show({ view }: OpenView): void {
    this.#print(shownModal(view, this.#state, this.#errors, this.#reader()).map((line) => `  ${line}`));
  }
}
