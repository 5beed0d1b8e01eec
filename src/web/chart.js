// Lines over the last ten minutes, with the same in words and as a table for whoever does not see them.

import { element, replace, say, svg } from './dom.js';
import { KEPT_MS } from './metrics.js';
import { quantity } from './words.js';

const WIDTH = 600;
const HEIGHT = 100;

/** A round number at or above: 1, 2, 5, 10, 20, 50, … */
function roundUp(value) {
    if (value <= 1) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

export const rate = (value) => (value === undefined ? '–' : quantity(value < 10 ? Math.round(value * 10) / 10 : Math.round(value)));

const known = (points) => points.map((point) => point.value).filter((value) => value !== undefined);

const most = (points) => Math.max(0, ...known(points));

/** Points as paths: a gap where a value is missing. */
function paths(points, top, now) {
    const x = (at) => WIDTH - ((now - at) / KEPT_MS) * WIDTH;
    const y = (value) => HEIGHT - (value / top) * (HEIGHT - 4) - 1;
    const runs = [[]];
    for (const point of points) {
        if (point.value === undefined) runs.push([]);
        else runs.at(-1).push(`${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}`);
    }
    const drawn = runs.filter((run) => run.length > 1);
    const line = drawn.map((run) => `M${run.join('L')}`).join('');
    const area = drawn.map((run) => `M${run[0].split(' ')[0]} ${HEIGHT}L${run.join('L')}L${run.at(-1).split(' ')[0]} ${HEIGHT}Z`).join('');
    return { line, area };
}

/** minute ago → [values] */
function byMinute(points, now) {
    const minutes = new Map();
    for (const { at, value } of points) {
        if (value === undefined) continue;
        const minute = Math.floor((now - at) / 60000);
        minutes.set(minute, [...(minutes.get(minute) ?? []), value]);
    }
    return minutes;
}

const mean = (values) => (values ? values.reduce((a, b) => a + b) / values.length : undefined);

function table(title, lines) {
    const now = Date.now();
    const minutes = lines.map((line) => byMinute(line.points, now));
    const heads = lines.flatMap((line) => [line.name ? `${line.name}, mean` : 'Mean', line.name ? 'most' : 'Most']);
    const ages = [...new Set(minutes.flatMap((one) => [...one.keys()]))].sort((a, b) => a - b);
    return element('table', { class: 'table' },
        element('caption', { class: 'unseen' }, `${title} a second, by minute`),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Minute'), heads.map((text) => element('th', { scope: 'col', class: 'number' }, text)))),
        element('tbody', {}, ages.map((age) => element('tr', {}, element('th', { scope: 'row' }, age ? `${age} min ago` : 'the last'),
            minutes.flatMap((one) => [mean(one.get(age)), one.has(age) ? Math.max(...one.get(age)) : undefined])
                .map((value) => element('td', { class: 'number' }, rate(value)))))));
}

/** A card of one line, or of several with names. {node, show([points, …])}; title in the plural: "Events". */
export function chart(title, names = ['']) {
    const lines = names.map((name, i) => ({
        name, points: [], tone: i ? 'second' : 'first', now: element('strong', { class: 'number' }, '–'),
        line: svg('path', { class: `chart-line ${i ? 'second' : ''}`, 'vector-effect': 'non-scaling-stroke' }), area: svg('path', { class: 'chart-area' }),
    }));
    const scale = element('span', { class: 'chart-top soft number' });
    const drawing = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' },
        svg('path', { class: 'chart-grid', d: `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`, 'vector-effect': 'non-scaling-stroke' }),
        lines[0].area, lines.map((one) => one.line));
    const rows = element('div', { class: 'scroll' });
    const more = element('details', {}, element('summary', {}, 'As a table'), rows);

    const node = element('section', { class: 'card chart' }, element('h2', {}, title, element('span', { class: 'soft' }, ' / s')),
        element('p', { class: 'chart-now' }, lines.map((one) => element('span', { class: one.tone }, one.now, one.name && element('small', {}, ` ${one.name}`)))),
        element('div', { class: 'chart-frame' }, scale, drawing, element('div', { class: 'chart-axis soft', 'aria-hidden': 'true' },
            element('span', {}, '10 min ago'), element('span', {}, 'now'))), more);

    const showTable = () => more.open && replace(rows, table(title, lines));
    more.addEventListener('toggle', showTable);

    function show(all) {
        const top = roundUp(Math.max(...all.map(most)));
        lines.forEach((one, i) => {
            const drawn = paths(all[i], top, Date.now());
            one.points = all[i];
            one.line.setAttribute('d', drawn.line);
            one.area.setAttribute('d', drawn.area);
            say(one.now, rate(all[i].at(-1)?.value));
        });
        say(scale, quantity(top));
        drawing.setAttribute('aria-label', lines.map((one) => `${one.name || title} a second: now ${rate(one.points.at(-1)?.value)}, at most ${rate(most(one.points))} in the last ten minutes`).join('; '));
        showTable();
    }

    show(lines.map(() => []));
    return { node, show };
}

const hour = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** A card with a bar for each of the points [{at, value}], and the same as a table. */
export function bars(title, points) {
    const top = roundUp(most(points));
    const step = WIDTH / Math.max(points.length, 1);
    const drawn = points.filter((point) => point.value > 0).map((point) => {
        const height = (point.value / top) * (HEIGHT - 4);
        return svg('rect', { class: 'chart-bar', x: points.indexOf(point) * step, y: HEIGHT - height, width: Math.max(step * 0.85, 1), height });
    });
    const drawing = svg('svg', {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img',
        'aria-label': `${title}: ${quantity(known(points).reduce((a, b) => a + b, 0))} in all, at most ${quantity(most(points))}`,
    }, svg('path', { class: 'chart-grid', d: `M0 1H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`, 'vector-effect': 'non-scaling-stroke' }), drawn);
    const rows = element('table', { class: 'table' }, element('caption', { class: 'unseen' }, title),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Hour'), element('th', { scope: 'col', class: 'number' }, 'Times'))),
        element('tbody', {}, points.filter((point) => point.value > 0).reverse().map((point) => element('tr', {}, element('th', { scope: 'row' }, hour.format(point.at)),
            element('td', { class: 'number' }, quantity(point.value))))));
    return element('section', { class: 'card chart' }, element('h2', {}, title),
        element('div', { class: 'chart-frame' }, element('span', { class: 'chart-top soft number' }, quantity(top)), drawing,
            element('div', { class: 'chart-axis soft', 'aria-hidden': 'true' }, element('span', {}, points.length ? hour.format(points[0].at) : ''), element('span', {}, 'now'))),
        element('details', {}, element('summary', {}, 'As a table'), element('div', { class: 'scroll' }, rows)));
}
