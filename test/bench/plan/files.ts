import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface InstanceFile {
  name: string;
  text: string;
}

/** The JSON files of a folder, by name, numbers by their value. */
export function filesIn(folder: string): InstanceFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return names.map((name) => ({ name: name.slice(0, -5), text: readFileSync(join(folder, name), 'utf8') }));
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
