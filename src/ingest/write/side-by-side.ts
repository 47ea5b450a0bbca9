/**
 * Gives each item to the next worker that is free and hands over what they make of it, in the order in which they are done.
 * When one fails, or the reader stops, no item is begun any more, and it ends when the others are done.
 */
export async function* sideBySide<Item, Worker, Made>(
  items: Iterable<Item>,
  workers: readonly Worker[],
  work: (item: Item, worker: Worker) => Promise<Made>,
): AsyncGenerator<Made> {
  const running = new Map<Worker, Promise<{ readonly worker: Worker; readonly made: Made }>>()
  const left = items[Symbol.iterator]()
  const begin = (worker: Worker) => {
    const next = left.next()
    if (next.done !== true)
      running.set(
        worker,
        work(next.value, worker).then((made) => ({ worker, made })),
      )
  }
  try {
    for (const worker of workers) begin(worker)
    while (running.size > 0) {
      const { worker, made } = await Promise.race(running.values())
      running.delete(worker)
      yield made
      begin(worker)
    }
  } finally {
    await Promise.allSettled(running.values())
  }
}
