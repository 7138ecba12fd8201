// The latent plane: cells hold what is nearest to their code, and a code that was moved is torch's with that codebook.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Latents } from "../../pages/ui/components/plane/latents.js";
import { voronoi } from "../../pages/ui/components/plane/voronoi.js";
import { bytesOf, floatsOf } from "../../pages/ui/components/shared/wire.js";
import { generator, reference } from "./reference.js";

const FRAME = { left: -3, right: 2, top: -1, bottom: 4 };

/** Whether a point lies in a convex polygon, its border included. */
function holds(polygon, [x, y]) {
  const sides = polygon.map(([x1, y1], n) => {
    const [x2, y2] = polygon[(n + 1) % polygon.length];
    return (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1);
  });
  return sides.length > 2 && (sides.every((side) => side >= -1e-9) || sides.every((side) => side <= 1e-9));
}

const area = (polygon) =>
  Math.abs(
    polygon.reduce((sum, [x, y], n) => {
      const [x2, y2] = polygon[(n + 1) % polygon.length];
      return sum + (x * y2 - x2 * y) / 2;
    }, 0),
  );

test("each place lies in the cell of its nearest code alone, by brute force", () => {
  const random = generator(3);
  const place = () => [FRAME.left + 5 * random(), FRAME.top + 5 * random()];
  for (const K of [1, 2, 32]) {
    const sites = Array.from({ length: K }, place);
    const cells = voronoi(sites, FRAME);
    assert.ok(Math.abs(cells.reduce((sum, cell) => sum + area(cell), 0) - 25) < 1e-9);
    for (let n = 0; n < 500; n++) {
      const point = place();
      const gaps = sites.map(([x, y]) => Math.hypot(x - point[0], y - point[1]));
      const order = [...gaps].sort((a, b) => a - b);
      if (order[1] - order[0] < 1e-6) continue;
      const own = cells.map((cell) => holds(cell, point));
      assert.deepEqual(
        [...own.keys()].filter((code) => own[code]),
        [gaps.indexOf(order[0])],
      );
    }
  }
});

test("of codes that coincide the first has the cell, as the lowest code wins a tie", () => {
  const cells = voronoi(
    [
      [0, 0],
      [1, 1],
      [0, 0],
    ],
    FRAME,
  );
  assert.equal(cells[2].length, 0);
  assert.ok(holds(cells[0], [0, 0]));
});

test("a code outside the frame leaves it to the others", () => {
  const cells = voronoi(
    [
      [0, 0],
      [100, 0],
    ],
    FRAME,
  );
  assert.equal(area(cells[0]), 25);
  assert.equal(cells[1].length, 0);
});

for (const { shown, code, to, moved } of reference.planes) {
  test(`a dragged code gives the codes and the picture that torch has with that codebook: ${shown.kind}`, () => {
    const latents = new Latents(shown.model, shown.projection);
    const { height, width } = latents.network.image;
    const size = height * width;
    const pixels = bytesOf(moved.pixels);
    const drawn = floatsOf(moved.drawn);
    const codes = new Int32Array(bytesOf(moved.codes).buffer);
    const margins = new Float64Array(bytesOf(moved.margins).buffer);
    const cells = latents.network.grid.height * latents.network.grid.width;
    const shippedTile = latents.tile(code);
    latents.move(code, to);
    const [at] = latents.place(
      latents.network.codebook.subarray(code * latents.network.D, (code + 1) * latents.network.D),
    );
    assert.ok(Math.hypot(at[0] - to[0], at[1] - to[1]) < 1e-5);
    assert.notDeepEqual(latents.tile(code), shippedTile);
    let [changed, compared] = [0, 0];
    for (let n = 0; n < pixels.length / size; n++) {
      latents.look(Uint8ClampedArray.from(pixels.subarray(n * size, (n + 1) * size)));
      const seen = latents.see();
      changed += seen.changed.length;
      const others = [...seen.codes.keys()].filter((cell) => seen.codes[cell] !== codes[n * cells + cell]);
      for (const cell of others) assert.ok(margins[n * cells + cell] < 1e-5, "another code where there is no tie");
      if (others.length) continue;
      compared++;
      seen.pixels.forEach((value, i) => {
        assert.ok(Math.abs(value - drawn[n * size + i]) <= 1 / 255);
      });
    }
    assert.ok(compared > 0);
    assert.ok(changed > 0, "the move was to change something");
    latents.reset();
    assert.deepEqual(latents.see().changed, []);
    assert.deepEqual(latents.tile(code), shippedTile);
  });
}

test("a point of the projected plane is the point of its own vector", () => {
  const { shown } = reference.planes[1];
  const latents = new Latents(shown.model, shown.projection);
  const [there] = latents.place(latents.vector([1.5, -0.25]));
  assert.ok(Math.abs(there[0] - 1.5) < 1e-5);
  assert.ok(Math.abs(there[1] + 0.25) < 1e-5);
});
