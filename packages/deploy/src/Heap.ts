/**
 * A binary heap in the order of `compare`. `peek` and `pop` return the smallest item, or undefined if the heap is
 * empty.
 */
export class Heap<A> {
  readonly #items: Array<A> = []
  readonly #compare: (a: A, b: A) => number
  constructor(compare: (a: A, b: A) => number) {
    this.#compare = compare
  }
  get size(): number {
    return this.#items.length
  }
  peek(): A | undefined {
    return this.#items[0]
  }
  #isBefore(a: number, b: number): boolean {
    return this.#compare(this.#items[a] as A, this.#items[b] as A) < 0
  }
  #swap(a: number, b: number): void {
    const items = this.#items
    ;[items[a], items[b]] = [items[b] as A, items[a] as A]
  }
  push(item: A): void {
    let at = this.#items.push(item) - 1
    for (let parent = (at - 1) >> 1; at > 0 && this.#isBefore(at, parent); parent = (at - 1) >> 1) {
      this.#swap(at, parent)
      at = parent
    }
  }
  pop(): A | undefined {
    const first = this.#items[0]
    const last = this.#items.pop()
    if (this.#items.length === 0 || last === undefined) return first
    this.#items[0] = last
    for (let at = 0; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = at
      if (left < this.size && this.#isBefore(left, least)) least = left
      if (right < this.size && this.#isBefore(right, least)) least = right
      if (least === at) return first
      this.#swap(at, least)
      at = least
    }
  }
}
