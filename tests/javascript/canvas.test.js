// What the workbench does without a page: undo, ink, codes as text.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromText, placeOf, toText } from "../../pages/ui/components/shared/codes.js";
import { History } from "../../pages/ui/components/shared/history.js";
import { draw } from "../../pages/ui/components/shared/ink.js";
import { count, counted, figure, kindOf, sized, withArticle } from "../../pages/ui/components/shared/words.js";

test("undo goes back through what was kept, and redo forth again", () => {
  const history = new History();
  history.keep("a");
  history.keep("b");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), "a");
  assert.equal(history.undo("a"), undefined);
  assert.equal(history.redo("a"), "b");
  assert.equal(history.redo("b"), "c");
  assert.equal(history.redo("c"), undefined);
});

test("a new change leaves nothing to redo", () => {
  const history = new History();
  history.keep("a");
  history.undo("b");
  history.keep("a");
  assert.equal(history.redo("x"), undefined);
});

test("two hundred states are kept, the latest ones", () => {
  const history = new History();
  for (let n = 0; n < 250; n++) history.keep(n);
  assert.equal(history.past.length, 200);
  assert.equal(history.past[0], 50);
});

test("another model adapts every state, undone ones too", () => {
  const history = new History();
  history.keep(1);
  history.keep(2);
  history.undo(3);
  history.adapt((state) => 10 * state);
  assert.deepEqual([history.past, history.future], [[10], [30]]);
});

const image = { height: 9, width: 11, channels: 1 };
const at = (pixels, x, y) => pixels[y * image.width + x];

test("ink is full within the nib and fades over one pixel at its edge", () => {
  const pixels = new Uint8ClampedArray(99);
  draw(pixels, image, { x: 5.5, y: 4.5 }, { x: 5.5, y: 4.5 }, 1, false);
  assert.equal(at(pixels, 5, 4), 255);
  assert.equal(at(pixels, 6, 4), 128); // a pixel away, half of the way out
  assert.equal(at(pixels, 7, 4), 0);
});

test("a line is as wide everywhere between its ends, and stays on the canvas", () => {
  const pixels = new Uint8ClampedArray(99);
  draw(pixels, image, { x: -3, y: 4.5 }, { x: 20, y: 4.5 }, 0.5, false);
  for (let x = 0; x < 11; x++) assert.deepEqual([at(pixels, x, 3), at(pixels, x, 4), at(pixels, x, 5)], [0, 255, 0]);
});

test("the eraser takes away what the pen laid, and leaves the rest", () => {
  const pixels = new Uint8ClampedArray(99).fill(200);
  draw(pixels, image, { x: 2.5, y: 2.5 }, { x: 2.5, y: 2.5 }, 1, true);
  assert.equal(at(pixels, 2, 2), 0);
  assert.equal(at(pixels, 8, 7), 200);
});

test("ink goes into all channels alike", () => {
  const pixels = new Uint8ClampedArray(297);
  draw(pixels, { ...image, channels: 3 }, { x: 1, y: 1 }, { x: 9, y: 7 }, 1.3, false);
  for (let i = 0; i < 297; i += 3) assert.deepEqual([pixels[i], pixels[i]], [pixels[i + 1], pixels[i + 2]]);
  assert.ok(pixels.includes(255));
});

const model = { grid: { height: 2, width: 3 }, K: 12 };

test("codes come back from their text, with spaces, commas or semicolons", () => {
  const codes = Int32Array.from([0, 1, 2, 9, 10, 11]);
  assert.equal(toText(codes, 3), "0 1 2\n9 10 11");
  assert.deepEqual(fromText(toText(codes, 3), model), [...codes]);
  assert.deepEqual(fromText(" 0, 1;2 \n\n 9\t10 11\n", model), [...codes]);
});

test("a text that is no grid of this model is none", () => {
  for (const text of ["", "1 2 3", "1 2 3\n4 5", "1 2 3\n4 5 12", "1 2 3\n4 5 -1", "1 2 3\n4 5 x", "1 2 3\n4 5 1e1"]) {
    assert.equal(fromText(text, model), undefined, text);
  }
});

test("cells are counted in reading order", () => {
  assert.deepEqual(placeOf(5, { width: 3 }), [1, 2]);
});

test("numbers are written in as many digits as tell them", () => {
  assert.deepEqual([figure(0.0123456), figure(1234.5), figure(Infinity)], ["0.0123", "1230", "∞"]);
  assert.equal(count(4608), "4,608");
  assert.equal(sized({ height: 32, width: 48 }), "32 × 48");
});

test("one is one, and a class is called as people call it", () => {
  assert.deepEqual(
    [0, 1, 2000].map((number) => counted(number, "cell")),
    ["0 cells", "1 cell", "2,000 cells"],
  );
  assert.deepEqual(["3", "12", "cat"].map(kindOf), ["3s", "class 12", "class cat"]);
  assert.deepEqual(["3", "8", "11", "18", "110", "apple"].map(withArticle), [
    "a 3",
    "an 8",
    "an 11",
    "an 18",
    "a 110",
    "an apple",
  ]);
});
