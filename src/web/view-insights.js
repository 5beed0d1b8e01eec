// What channels asked for and did not find: of which items, where, who asked, and when.

import { get, segment, unless } from './api.js';
import { bars } from './chart.js';
import { element } from './dom.js';
import { card, empty, into, itemLink, locationLink, locationNames, note, pick, scroll, since, tile } from './parts.js';
import { sheet } from './sheet.js';
import { quantity } from './words.js';

const PERIODS = [['24', 'The last 24 hours'], ['168', 'The last 7 days'], ['', 'All that is kept']];
const HOUR_MS = 3600e3;
const HOURS_DRAWN = 168;
const LISTED = 20;

const count = (id, title, meaning) => ({ id, title, meaning, number: true, value: (one) => one[id], cell: (one) => element('span', { class: one[id] ? '' : 'zero' }, quantity(one[id])) });

const counts = [
    count('times', 'Times', 'How often, all causes together'), count('queries', 'Questions', 'Answered with nothing, or with less than asked for'),
    count('reservations', 'Reservations', 'Lines refused, or granted in part'), count('stores', 'Baskets', 'Lines of baskets that no store had'),
    count('units', 'Units', 'Asked for and not there, where a quantity was said'),
];

function list(title, first, entries) {
    const table = sheet({ caption: title, columns: [{ head: true, ...first }, ...counts], key: first.value, by: 'times', down: true, empty: 'Nothing was missed.' });
    table.show(entries);
    return card(title, scroll(title, table.node));
}

/** One bar an hour, also of hours without any. */
function byHour(entries, from, now) {
    const begin = Math.floor(Math.max(from, now - HOURS_DRAWN * HOUR_MS) / HOUR_MS) * HOUR_MS;
    const times = new Map(entries.map((one) => [new Date(one.hour).getTime(), one.times]));
    const hours = [];
    for (let at = begin; at <= now; at += HOUR_MS) hours.push({ at, value: times.get(at) ?? 0 });
    return hours;
}

export async function show({ page, signal, parameters, heading, keep, again }) {
    let hours = parameters.has('hours') ? parameters.get('hours') : '24';
    heading('Insights');
    const names = await locationNames();
    const body = element('div', { class: 'stack' });
    page.append(element('p', { class: 'soft' }, 'What channels asked for and did not find. Counted by this server, of what it was asked itself.'),
        element('div', { class: 'filters' }, pick('Period', PERIODS, hours, (value) => {
            hours = value;
            keep({ hours: value || 'all' });
            load();
        })), body);
    if (hours === 'all') hours = '';

    const load = () => into(body, async () => {
        const now = Date.now();
        const from = hours ? new Date(now - Number(hours) * HOUR_MS).toISOString() : undefined;
        const ask = (by) => get('/v1/insights', { from, group_by: by, limit: by === 'hour' ? 1000 : LISTED }, { signal });
        const items = await unless(404, ask('sku'));
        if (!items) return note('This server keeps no insights.');
        const [places, channels, times] = await Promise.all(['location', 'channel', 'hour'].map(ask));
        await Promise.all(items.entries.map(async (one) => {
            one.name = (await unless(404, get(`/v1/items/${segment(one.sku)}`, {}, { signal })))?.name;
        }));
        if (!items.found) return empty('Nobody has missed anything. ', element('span', { class: 'small' }, 'Kept since ', since(items.kept_from), '.'));
        const t = items.total;
        return [t && element('dl', { class: 'tiles' }, tile('Missed', quantity(t.times), 'times'), tile('Questions', quantity(t.queries), 'without stock'),
            tile('Reservations', quantity(t.reservations), 'lines refused'), tile('Baskets', quantity(t.stores), 'lines no store had'), tile('Units', quantity(t.units), 'where a number was said')),
        items.error_most > 0 && note(`Each number is at most ${quantity(items.error_most)} too small: there were more kinds of misses than room.`),
        bars('Missed by hour', byHour(times.entries, from ? new Date(from).getTime() : new Date(items.kept_from).getTime(), now)),
        element('div', { class: 'columns two' },
            list('Items', { id: 'sku', title: 'Item', value: (one) => one.sku, cell: (one) => [itemLink(one.sku, one.name ?? one.sku), one.name && element('span', { class: 'id' }, one.sku)] }, items.entries),
            element('div', { class: 'stack' },
                list('Channels', { id: 'channel', title: 'Channel', value: (one) => one.channel ?? '', cell: (one) => one.channel ?? element('span', { class: 'soft' }, 'nobody said') }, channels.entries),
                list('Locations', { id: 'location', title: 'Location', value: (one) => one.location ?? '', cell: (one) => (one.location ? locationLink(one.location, names) : element('span', { class: 'soft' }, 'several, or any')) }, places.entries)))];
    }, signal);

    await load();
    again(load);
}
