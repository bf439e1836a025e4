/** Counts by kind and word, printed a kind to a line: what random worlds have covered. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(kind: string, word: string, by = 1): void {
    const words = this.#counts.get(kind) ?? new Map<string, number>();
    words.set(word, (words.get(word) ?? 0) + by);
    this.#counts.set(kind, words);
  }

  print(): void {
    for (const [kind, words] of this.#counts) {
      const most = [...words].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
      console.log(`  ${kind}: ${most.map(([word, count]) => `${word} ${count}`).join(', ')}`);
    }
  }
}
