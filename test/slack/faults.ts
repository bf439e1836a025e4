import { BLOCKS_TOO_LONG, faultsOf, MessageBlocks, MessageText, View } from './limits.ts';

/** What a method of the Web API answers. */
export type Answer = { ok: boolean; error?: string; [key: string]: unknown };

/** What Slack answers to a message beyond its limits; null: it takes it. */
export function contentFault(args: Readonly<Record<string, unknown>>): Answer | null {
  if (!args.text && !args.blocks) return { ok: false, error: 'no_text' };
  if (faultsOf(MessageText.optional(), args.text).length > 0) return { ok: false, error: 'msg_too_long' };
  const faults = faultsOf(MessageBlocks.optional(), args.blocks);
  const isOnlyLong = faults.every((fault) => fault.includes(BLOCKS_TOO_LONG));
  return refusal(isOnlyLong ? BLOCKS_TOO_LONG : 'invalid_blocks', faults);
}

/** The same for a modal or a home. */
export function viewFault(given: unknown, type: string): Answer | null {
  const faults = faultsOf(View, given);
  if (faults.length === 0 && (given as { type: string }).type !== type) faults.push(`[ERROR] not a ${type}`);
  return refusal('invalid_arguments', faults);
}

function refusal(error: string, messages: string[]): Answer | null {
  return messages.length === 0 ? null : { ok: false, error, response_metadata: { messages } };
}
