/**
 * Does the same for each item, a limited number at a time: what is begun first holds memory and a place in a queue.
 * @param most how many at a time.
 * @returns the results in the order of the items.
 * @throws what the first that fails throws; no other is begun after that.
 */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  most: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let begun = 0;
  const takeTurns = async (): Promise<void> => {
    try {
      for (let index = begun++; index < items.length; index = begun++)
        results[index] = await work(items[index] as Item);
    } catch (error) {
      begun = items.length;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, takeTurns));
  return results;
}
