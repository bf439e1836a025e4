import type { App } from '@slack/bolt';
import type { Logger } from 'pino';
import { FORM, readAction } from '../asks/click.ts';
import { describeError } from '../errors.ts';
import { unwritten } from './answers.ts';
import type { Form } from './form.ts';
import { clickHeard, commandHeard } from './heard.ts';
import type { Home } from './home.ts';
import type { Inbox, Taken } from './inbox.ts';

export interface ListenParts {
  inbox: Inbox;
  form: Form;
  home: Home;
  /** A request with that signature was taken, though nothing of it is kept. */
  signed: (signature: string) => Promise<void>;
  log: Logger;
}

/** What the bot hears: each is on disk before it is acknowledged. */
export function listen(app: App, { inbox, form, home, signed, log }: ListenParts): void {
  app.command('/migrate', async ({ command, ack, context }) => {
    const { identity, heard } = commandHeard(command);
    const text = textOf(await inbox.take(identity, heard, signatureOf(context)));
    await (text === null ? ack() : ack({ response_type: 'ephemeral', text }));
  });
  app.action(/.*/, async ({ body, ack, context }) => {
    const { identity, heard, triggerId } = clickHeard(body);
    const action = readAction(heard.action);
    if (action === 'form.open' || action === 'home.refresh') {
      await ack();
      // Slack lets a form open for 3 s: the disk is not waited for.
      void remember(context);
      if (action === 'form.open') await form.open(triggerId, heard.user, heard.channel);
      else await home.show(heard.user);
      return;
    }
    const taken = action === null ? 'taken' : await inbox.take(identity, heard, signatureOf(context));
    // Without an acknowledgement Slack shows the one who clicked that it did not work.
    if (taken !== 'lost') await ack();
  });
  app.view(FORM, async ({ body, ack, context }) => {
    await ack((await form.submit(body, signatureOf(context))) as never);
  });
  app.event('app_home_opened', async ({ event, context }) => {
    void remember(context);
    if (event.tab === 'home') await home.show(event.user);
  });

  async function remember(context: object): Promise<void> {
    const signature = signatureOf(context);
    if (signature === null) return;
    await signed(signature).catch((error: unknown) => {
      log.warn({ error: describeError(error) }, 'a signature cannot be written down');
    });
  }
}

function textOf(taken: Taken): string | null {
  return taken === 'taken' ? null : unwritten(taken === 'lost');
}

function signatureOf(context: object): string | null {
  return 'signature' in context && typeof context.signature === 'string' ? context.signature : null;
}
