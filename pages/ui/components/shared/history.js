// What undo and redo go through. A state never changes once it is in here.

const UNDOS = 200;

/** @template State */
export class History {
  constructor() {
    /** @type {State[]} */
    this.past = [];
    /** @type {State[]} */
    this.future = [];
  }

  /**
   * Remember a state that is about to change.
   * @param {State} state
   */
  keep(state) {
    this.past.push(state);
    if (this.past.length > UNDOS) this.past.shift();
    this.future = [];
  }

  /**
   * The state before `now`, if there is one.
   * @param {State} now
   */
  undo(now) {
    if (this.past.length) this.future.push(now);
    return this.past.pop();
  }

  /**
   * The state that was undone, if there is one.
   * @param {State} now
   */
  redo(now) {
    if (this.future.length) this.past.push(now);
    return this.future.pop();
  }

  /**
   * Change every state, to fit another model.
   * @param {(state: State) => State} adapt
   */
  adapt(adapt) {
    this.past = this.past.map(adapt);
    this.future = this.future.map(adapt);
  }
}
