// A line of the last values, drawn to fit.
import { setAttribute, svg } from './dom.js'

const WIDTH = 160
const HEIGHT = 40
const POINTS_MIN = 40 // a line that has just begun does not fill it

// One line for each colour (a class): chart('accent', 'bad').
export function chart(...colours) {
  const areas = colours.map((colour) => svg('path', { class: `area ${colour}` }))
  const lines = colours.map((colour) => svg('path', { class: `line ${colour}` }))
  const root = svg(
    'svg',
    { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...areas,
    ...lines,
  )
  // series: an array of values for each colour, the newest last.
  root.draw = (...series) => {
    const top = Math.max(1, ...series.flat())
    series.forEach((values, i) => {
      // One that is always 0 would only underline the others.
      const line = values.length > 1 && (i === 0 || values.some(Boolean)) ? path(values, top) : ''
      setAttribute(lines[i], 'd', line)
      setAttribute(areas[i], 'd', line && `${line}V${HEIGHT}H${x(values, 0)}Z`)
    })
  }
  return root
}

function x(values, i) {
  const points = Math.max(values.length, POINTS_MIN)
  return (WIDTH * (points - values.length + i)) / (points - 1)
}

function path(values, top) {
  const y = (value) => HEIGHT - 2 - ((HEIGHT - 6) * value) / top
  return values.map((value, i) => `${i ? 'L' : 'M'}${x(values, i).toFixed(1)} ${y(value).toFixed(1)}`).join('')
}
