import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** One value with its interval, all in percent or points. */
export interface Point {
  x: number | string;
  value: number;
  low: number;
  high: number;
  series?: string;
}

export interface Figure {
  x: string; // the axes' titles
  y: string;
  points: readonly Point[];
  /** Points of a series are joined by a line. */
  joined?: boolean;
  /** A line across. */
  rule?: number;
  /** Values of x go up by factors of two. */
  doubling?: boolean;
}

/** A chart of values with their intervals, as SVG. */
export async function svgOf({ x, y, points, joined = false, rule, doubling = false }: Figure): Promise<string> {
  const isNumber = points.every((point) => typeof point.x === "number");
  const values = [...new Set(points.map((point) => point.x))];
  const xAxis = {
    field: "x",
    type: isNumber ? "quantitative" : "nominal",
    title: x,
    ...(isNumber
      ? { axis: { values, grid: false, format: "d", labelOverlap: true } }
      : { sort: null, axis: { labelAngle: 0, labelOverlap: true } }),
    ...(doubling ? { scale: { type: "log", base: 2 } } : {}),
  };
  const series = points.some((point) => point.series !== undefined);
  const colour = series ? { color: { field: "series", type: "nominal", sort: null, title: null } } : {};
  const beside = series && !isNumber ? { xOffset: { field: "series", type: "nominal", sort: null } } : {};
  const ends = points.flatMap(({ low, high }) => [low, high]);
  const scale = { domain: [Math.min(...ends), Math.max(...ends)], zero: false, nice: true };
  const spec = {
    width: 420,
    height: 260,
    background: "white",
    data: { values: points },
    encoding: { x: xAxis, ...colour, ...beside },
    layer: [
      ...(rule === undefined ? [] : [{ data: { values: [{ rule }] }, mark: ruleMark, encoding: ruleEncoding(scale) }]),
      {
        mark: { type: "rule" },
        encoding: { y: { field: "low", type: "quantitative", title: y, scale }, y2: { field: "high" } },
      },
      ...(joined ? [{ mark: { type: "line" }, encoding: { y: { field: "value", type: "quantitative" } } }] : []),
      { mark: { type: "point", filled: true, size: 50 }, encoding: { y: { field: "value", type: "quantitative" } } },
    ],
  };
  const view = new View(parse(compile(spec as TopLevelSpec).spec), { renderer: "none" });
  return `${await view.toSVG()}\n`;
}

const ruleMark = { type: "rule", strokeDash: [4, 4], color: "#888" };
const ruleEncoding = (scale: object) => ({
  x: null,
  xOffset: null,
  color: null,
  y: { field: "rule", type: "quantitative", scale },
});
