import { createHash } from 'node:crypto';
import { type FileError, type FileText, formatFileError, readDocument, withShortNames } from './document.ts';
import { type Policy, PolicyContent } from './schema.ts';

export type { FileError as PolicyError, FileText as PolicyText };
export { formatFileError as formatPolicyError };

export type ParsedPolicy = { policy: Policy } | { errors: FileError[] };

/** Reads a policy of one file. */
export function parsePolicy(text: string, fileName: string): ParsedPolicy {
  return parsePolicyFiles([{ name: fileName, text }]);
}

/** Reads a policy from the texts of its files, in their order; see `readDocument` for what comes back. */
export function parsePolicyFiles(given: readonly FileText[]): ParsedPolicy {
  const files = withShortNames(given);
  if (files.length === 0) {
    return { errors: [{ file: 'policy', line: 1, column: 1, path: '', message: 'there is no policy file' }] };
  }
  const read = readDocument(files, PolicyContent);
  return 'errors' in read ? read : { policy: { ...read.data, places: read.places, id: idOf(files) } };
}

function idOf(files: readonly FileText[]): string {
  const hash = createHash('sha256');
  const [only, second] = files;
  if (only && !second) hash.update(only.text);
  else for (const { name, text } of files) hash.update(`${JSON.stringify(name)} ${text.length}\n${text}`);
  return `${files.map(({ name }) => name).join('+')}@${hash.digest('hex').slice(0, 8)}`;
}
