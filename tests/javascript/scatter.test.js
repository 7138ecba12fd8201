// The map's geometry: where points lie on the screen, which one is meant, which lie inside an outline.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Camera } from "../../pages/ui/components/scatter/camera.js";
import { inkOf, luminance, roundDot, stamp, stampQuietly } from "../../pages/ui/components/scatter/dots.js";
import { outline, Points, typicalSpacing, within } from "../../pages/ui/components/scatter/points.js";
import { patchOf, spriteAt } from "../../pages/ui/components/scatter/sheets.js";

/** The four corners of the map and its middle, on a screen of 528 x 428 pixels, 400 of them the map's. */
function five() {
  const camera = Object.assign(new Camera(), { width: 528, height: 428 });
  const points = Object.assign(new Points(camera), {
    count: 5,
    xy: Float32Array.from([0, 0, 1, 0, 0, 1, 1, 1, 0.5, 0.5]),
  });
  return { camera, points };
}

test("the whole map stands in the middle of the screen, upright", () => {
  const { points } = five();
  assert.deepEqual([points.x(4), points.y(4)], [264, 214]);
  assert.deepEqual([points.x(0), points.y(0)], [64, 414]); // below, on the left
});

test("zooming leaves the place under the pointer where it is", () => {
  const { camera, points } = five();
  const before = [points.x(3), points.y(3)];
  camera.zoomBy(2, ...before);
  assert.equal(camera.scale, 800);
  assert.ok(Math.hypot(points.x(3) - before[0], points.y(3) - before[1]) < 1e-9);
});

test("moving by pixels moves all points by as many, the other way", () => {
  const { camera, points } = five();
  camera.moveBy(30, -20);
  assert.ok(Math.abs(points.x(4) - 234) < 1e-9);
  assert.ok(Math.abs(points.y(4) - 234) < 1e-9);
});

test("nobody zooms or moves away from the map", () => {
  const { camera } = five();
  for (let n = 0; n < 50; n++) camera.zoomBy(0.5);
  assert.equal(camera.zoom, 0.6);
  camera.moveBy(1e6, 1e6);
  assert.deepEqual(camera.center, [1.1, -0.1]);
  camera.fit();
  assert.deepEqual([camera.zoom, camera.center], [1, [0.5, 0.5]]);
});

test("a pointer means the nearest point within its reach", () => {
  const { points } = five();
  assert.equal(points.nearest(270, 220, 16), 4);
  assert.equal(points.nearest(164, 214, 16), -1);
});

test("an outline holds the points inside it, by the even-odd rule", () => {
  const { points } = five();
  const corners = points.corners([
    [264, 14],
    [500, 14],
    [500, 300],
    [200, 300],
  ]);
  assert.deepEqual(corners[0], [2048, 4096]); // a map's side is 4096 steps
  assert.deepEqual(points.inside(corners), [3, 4]);
  assert.equal(points.corners(Array.from({ length: 500 }, (_, n) => [n, n])).length, 64);
  const ring = [
    [0, 0],
    [10, 0],
    [10, 10],
    [0, 10],
    [0, 0],
    [3, 3],
    [7, 3],
    [7, 7],
    [3, 7],
    [3, 3],
  ];
  assert.equal(within(1, 5, ring), true);
  assert.equal(within(5, 5, ring), false);
});

test("a path is a lasso, or with the box tool the box between its ends", () => {
  const path = [
    [1, 2],
    [9, 9],
    [5, 6],
  ];
  assert.equal(outline(path, false), path);
  assert.deepEqual(outline(path, true), [
    [1, 2],
    [5, 2],
    [5, 6],
    [1, 6],
  ]);
});

test("an arrow key leads to the next point in its direction, and stays where there is none", () => {
  const { points } = five();
  const from = (at) => [points.x(at), points.y(at)];
  assert.equal(points.towards(-1, [264, 214], [1, 0]), 4); // nothing is focused: the one nearest to the middle
  assert.equal(points.towards(0, from(0), [0, -1]), 2);
  assert.equal(points.towards(0, from(0), [1, 0]), 1); // the middle is nearer, but lies aside
  assert.equal(points.towards(3, from(3), [1, 0]), 3);
});

test("points of a lattice are one step apart", () => {
  const xy = Float32Array.from({ length: 200 }, (_, k) => (k % 2 ? Math.floor(k / 20) : (k / 2) % 10) / 8);
  assert.ok(Math.abs(typicalSpacing(xy) - 1 / 8) < 1e-6);
  assert.equal(typicalSpacing(Float32Array.of(0.5, 0.5)), 0.1);
});

test("a dot covers its middle fully and its edge in part, and lies over what is there", () => {
  const dot = roundDot(1, 9);
  const middle = dot.offsets.indexOf(0);
  assert.equal(dot.covers[middle], 255);
  const pixels = new Uint32Array(81);
  stamp(pixels, 40, dot, inkOf("#ff0000"));
  assert.equal(pixels[40], 0xff0000ff);
  stamp(pixels, 40, dot, inkOf("#0000ff"));
  assert.equal(pixels[40], 0xffff0000);
  const quiet = new Uint32Array(81);
  stampQuietly(quiet, 40, dot, 0x808080);
  stampQuietly(quiet, 40, dot, 0x808080);
  assert.equal(quiet[40] & 0xffffff, 0x808080);
  assert.equal(quiet[40] >>> 24, Math.round(41 + 255 * 0.16 * (1 - 41 / 255)));
});

test("white is light and black is not", () => {
  assert.deepEqual(
    [luminance("#ffffff"), luminance("#000000")].map((value) => value.toFixed(3)),
    ["1.000", "0.000"],
  );
});

test("pictures stand in rows, and a cell's patch ends at the border", () => {
  const sheet = {
    columns: 3,
    height: 28,
    width: 28,
    grid: [7, 7],
    patch: { size: [10, 10], stride: [4, 4], start: [-3, -3] },
  };
  assert.deepEqual(spriteAt(sheet, 5), [56, 28]);
  assert.deepEqual(patchOf(sheet, 0), [0, 0, 7, 7]);
  assert.deepEqual(patchOf(sheet, 24), [9, 9, 10, 10]);
  assert.deepEqual(patchOf(sheet, 48), [21, 21, 7, 7]);
});
