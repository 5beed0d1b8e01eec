// What an agent needs while a customer waits: one item, every store, every channel, and its variants beside it.

import { get, post, segment, unless } from './api.js';
import { element, flash, replace, say, settled } from './dom.js';
import { follow } from './live.js';
import { all, amount, card, channels, itemLink, linkTo, locationNames, note, placeOfRow, reason, scroll } from './parts.js';
import { to } from './route.js';
import { introduce } from './view-item.js';
import { options } from './view-stock.js';

const VARIANTS_MOST = 200;
const SETTLE_MS = 250;

/** One question a channel: what it may promise of each SKU at each location. [{sku, available, level, locations}] */
const ask = (channel, skus, signal) => post('/v1/availability', { ...(channel && { channel }), items: skus.map((sku) => ({ sku })) }, { signal })
    .then((answer) => answer.items);

/** A cell that lights up when its figure changes. */
function put(cell, row) {
    const text = row ? amount(row.available) : '·';
    if (cell.textContent === text) return;
    const before = cell.textContent;
    say(cell, text);
    cell.className = `number level ${row?.level ?? 'none'}`;
    cell.title = row ? '' : 'No row here';
    if (before) flash(cell);
}

/** A table with a heading a line and a figure for each channel. lines: [{id, head: nodes, present}] */
function matrix(caption, corner, lines, views) {
    const cells = new Map();
    const cell = (line, view) => {
        const one = element('td', { class: 'number' });
        cells.set(`${line.id}\n${view.id}`, one);
        return one;
    };
    const node = element('table', { class: 'table sheet matrix' }, element('caption', { class: 'unseen' }, caption),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, corner), views.map((view) => element('th', { scope: 'col', class: 'number', title: view.why },
            view.name, view.why && element('span', { class: 'unseen' }, `: ${view.why}`))))),
        element('tbody', {}, lines.map((line) => element('tr', { 'aria-current': line.present && 'true' }, element('th', { scope: 'row' }, line.head), views.map((view) => cell(line, view))))));
    return { node, put: (id, view, row) => put(cells.get(`${id}\n${view.id}`), row) };
}

export async function show({ page, parameters, signal, heading, again }) {
    let sku = parameters.get('sku') ?? '';
    const h1 = heading(sku || `Product ${parameters.get('product') ?? ''}`);
    let item = sku ? await unless(404, get(`/v1/items/${segment(sku)}`, {}, { signal })) : undefined;
    const product = item?.product ?? parameters.get('product') ?? '';
    const [names, known, variants] = await Promise.all([locationNames(), channels(signal),
        product ? all('/v1/items', 'items', { product, limit: VARIANTS_MOST }, signal, 1) : []]);
    if (signal.aborted) return;
    if (!item && variants.length) { // a product without a variant chosen: its first
        [item] = variants;
        sku = item.sku;
    }
    if (!item) {
        page.append(note('There is no such item.', 'warn'), linkTo(['stock'], 'Search'));
        return;
    }
    say(h1, item.name || sku);
    document.title = `${item.name || sku} · what channels may promise`;
    introduce(page, sku, item, 'matrix');

    const views = [{ id: '', name: 'No channel' }, ...known.map((one) => ({ id: one.id, name: one.name || one.id }))];
    const skus = [...new Set([sku, ...variants.map((one) => one.sku)])];
    let drawn;

    /** Answers by channel; one that may not be asked for says why. */
    const askAll = () => Promise.all(views.map(async (view) => {
        try {
            return new Map((await ask(view.id, skus, signal)).map((one) => [one.sku, one]));
        } catch (error) {
            if (signal.aborted || error.status !== 403) throw error;
            view.why = reason(error);
            return new Map();
        }
    }));

    function draw(answers) {
        const places = [...new Set(answers.flatMap((answer) => (answer.get(sku)?.locations ?? []).map((row) => row.location)))]
            .sort((a, b) => (names.get(a) || a).localeCompare(names.get(b) || b, 'en', { numeric: true }));
        const signature = places.join('\n');
        if (drawn?.signature !== signature) {
            drawn = {
                signature,
                variants: variants.length > 1 && matrix(`Variants of ${product}, all locations together`, 'Variant', variants.map((one) => ({
                    id: one.sku, present: one.sku === sku,
                    head: [element('a', { href: to(['matrix'], { sku: one.sku, product }) }, options(one) || one.name || one.sku), element('span', { class: 'id' }, one.sku)],
                })), views),
                places: matrix(`${sku}, by location and channel`, 'Location', [{ id: '', head: 'All locations' },
                    ...places.map((id) => ({ id, head: placeOfRow(sku, id, names) }))], views),
            };
            replace(tables, drawn.variants && card('Variants', scroll('Variants by channel', drawn.variants.node)),
                card('By location', scroll('Locations by channel', drawn.places.node)));
        }
        views.forEach((view, i) => {
            const answer = answers[i];
            if (drawn.variants) for (const one of variants) drawn.variants.put(one.sku, view, answer.get(one.sku));
            const here = new Map((answer.get(sku)?.locations ?? []).map((row) => [row.location, row]));
            drawn.places.put('', view, answer.get(sku));
            for (const id of places) drawn.places.put(id, view, here.get(id));
        });
    }

    const tables = element('div', { class: 'stack' });
    page.append(element('p', { class: 'soft' }, 'What each channel may promise now, rules, fences and buffers included. ', itemLink(sku, 'The rows behind it')), tables);
    const load = async () => draw(await askAll());
    await load();
    if (signal.aborted) return;
    const quietly = () => load().catch(() => {});
    const refresh = settled(quietly, SETTLE_MS);
    again(quietly);
    const stop = follow({ sku: skus }, refresh, (state) => state === 'live' && refresh());
    signal.addEventListener('abort', () => {
        stop();
        refresh.stop();
    });
}
