import { type HttpAnswer, requireSuccess } from './http.ts';

/** nova.conf [api]max_limit is 1000; a smaller one only makes more pages. */
const PAGE_SIZE = 1000;
/** A service that never ends its pages must not hold a call for ever. */
const MAX_PAGES = 1000;

/** A page of a list. `marker` names its last item, after which the next page begins. */
export interface Page<Item> {
  items: Item[];
  more: boolean;
  marker: string | undefined;
}

/**
 * All items of a list that Nova gives in pages.
 *
 * @param send asks for one page, with the fields of the query that say which.
 * @throws OpenStackError where a page is no success
 */
export async function allPages<Item>(
  send: (page: { limit: string; marker: string | undefined }) => Promise<HttpAnswer>,
  read: (answer: HttpAnswer) => Page<Item>,
): Promise<Item[]> {
  const found: Item[] = [];
  let marker: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { items, more, marker: last } = read(requireSuccess(await send({ limit: String(PAGE_SIZE), marker })));
    found.push(...items);
    marker = last;
    if (!more || items.length === 0) break;
  }
  return found;
}
