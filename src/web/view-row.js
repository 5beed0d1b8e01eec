// One row, an item at a location: its figures, the arithmetic behind them, who holds what, and what happened to it.

import { get, segment, unless } from './api.js';
import { element, replace, say, settled } from './dom.js';
import { follow } from './live.js';
import {
    amount, at, card, channels, facts, flags, growing, into, level, linkTo, locationNames, note, pick, reason, scroll, signed, since, tile, verdict,
} from './parts.js';
import { sheet } from './sheet.js';
import { quantity } from './words.js';

const WORDS = {
    on_hand: 'On hand', left_out: 'Left out', demand_later: 'Demand for later', to_come: 'To come', safety_stock: 'Safety stock',
    safety_stock_rule: 'Safety stock by rule', set_aside: 'Set aside', below_zero: 'Below zero', cap: 'Cap', location: 'Location',
};

const word = (name) => WORDS[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ');

const LOOK_MS = 3000;

// ---- the arithmetic ----

function arithmetic(explanation) {
    const matters = (term) => term.value || term.name === 'on_hand' || term.name === 'available';
    const line = (term, i) => element('tr', { class: `${term.name === 'available' ? 'result' : ''}${matters(term) ? '' : ' nought'}` },
        element('th', { scope: 'row' }, word(term.name)), element('td', { class: 'number' }, i === 0 || term.name === 'available' ? amount(term.value) : signed(term.value)),
        element('td', { class: 'soft' }, term.meaning));
    const table = element('table', { class: 'table terms' }, element('caption', { class: 'unseen' }, 'How available comes about'),
        element('thead', { class: 'unseen' }, element('tr', {}, ['Term', 'Units', 'Meaning'].map((text) => element('th', { scope: 'col' }, text)))),
        element('tbody', {}, explanation.terms.map(line)));
    const noughts = explanation.terms.filter((term) => !matters(term)).length;
    const toggle = element('button', {
        type: 'button', class: 'button plain compact', 'aria-pressed': 'false',
        on: { click: () => toggle.setAttribute('aria-pressed', String(table.classList.toggle('whole'))) },
    }, `Terms that are 0 (${noughts})`);
    return [element('div', { class: 'scroll' }, table), noughts > 0 && toggle];
}

function rules(found) {
    const said = Object.entries(found).filter(([name, value]) => (name === 'enabled' ? !value : typeof value === 'number' && value !== 0))
        .map(([name, value]) => (name === 'enabled' ? 'switched off' : `${name.replaceAll('_', ' ')} ${quantity(value)}${name.endsWith('percent') ? ' %' : ''}`));
    const silence = found.by_silence?.length > 0 && `; because the location is silent: ${found.by_silence.join(', ').replaceAll('_', ' ')}`;
    return said.length > 0 && element('p', { class: 'small' }, 'Rules: ', said.join(', '), silence);
}

const schedule = (lines) => element('div', { class: 'scroll' }, element('table', { class: 'table' }, element('caption', { class: 'unseen' }, 'Available to promise by date'),
    element('thead', {}, element('tr', {}, ['From', 'Incoming', 'Demand', 'Projected', 'To promise'].map((text, i) => element('th', { scope: 'col', class: i && 'number' }, text)))),
    element('tbody', {}, lines.map((line) => element('tr', {}, element('th', { scope: 'row' }, line.at ? at(line.at) : 'Now'),
        [line.incoming ? signed(line.incoming) : '', line.demand ? signed(-line.demand) : '', amount(line.projected), amount(line.atp)].map((text) => element('td', { class: 'number' }, text)))))));

// ---- who holds, what happened ----

const holder = (one) => (one.reservations.length ? one.reservations.map((id, i) => [i > 0 && ', ', linkTo(['reservations', id], one.reservations.length > 1 ? id : one.reference ?? id)])
    : one.reference ? linkTo(['reservations'], one.reference, { reference: one.reference }) : '');

const demandColumns = [
    { id: 'who', title: 'Reference', head: true, cell: (one) => [holder(one), one.line && element('span', { class: 'soft' }, ` line ${one.line}`)] },
    { id: 'held', title: 'Held', number: true, cell: (one) => amount(one.held), value: (one) => one.held },
    { id: 'committed', title: 'Committed', number: true, cell: (one) => amount(one.committed), value: (one) => one.committed },
    { id: 'channel', title: 'Channel', cell: (one) => one.channel ?? '' },
    { id: 'required', title: 'For', cell: (one) => at(one.required_at, 'now') },
    { id: 'since', title: 'Since', cell: (one) => since(one.since) },
];

const moved = (change, name) => (change.before[name] === change.after[name] ? element('span', { class: 'zero' }, amount(change.after[name]))
    : `${amount(change.before[name])} → ${amount(change.after[name])}`);

const whose = (change) => [change.reservation ? linkTo(['reservations', change.reservation], change.reference ?? change.reservation) : change.reference,
    element('span', { class: 'soft' }, [change.channel, change.source, change.reason].filter(Boolean).map((text) => ` ${text}`))];

const historyColumns = [
    { id: 'when', title: 'When', head: true, cell: (change) => element('span', { title: `in the log ${change.appended_at}` }, at(change.occurred_at ?? change.appended_at)) },
    { id: 'what', title: 'What', cell: (change) => change.type.replaceAll('_', ' ') },
    { id: 'quantity', title: 'Units', number: true, cell: (change) => (typeof change.quantity === 'number' ? amount(change.quantity) : '') },
    { id: 'verdict', title: 'Verdict', cell: (change) => [verdict(change.verdict), change.verdict_reason && element('span', { class: 'soft small' }, ` ${change.verdict_reason}`)] },
    { id: 'on_hand', title: 'On hand', number: true, cell: (change) => moved(change, 'on_hand') },
    { id: 'reserved', title: 'Reserved', number: true, cell: (change) => moved(change, 'reserved') },
    { id: 'committed', title: 'Committed', number: true, cell: (change) => moved(change, 'committed') },
    { id: 'net', title: 'Net', number: true, cell: (change) => moved(change, 'net_available') },
    { id: 'whose', title: 'Whose', cell: whose, class: 'wide' },
    { id: 'version', title: 'Version', cell: (change) => element('span', { class: 'id' }, change.version.split(':').at(-1)) },
];

/** A list that comes in pages, and anew from its beginning, as long as it had become. */
function paged({ caption, columns, key, empty, ask, signal }) {
    const box = element('div', {});
    let shown = 0; // also by a click on the list that is about to go
    return {
        node: box,
        async load() {
            const rows = [];
            const table = sheet({ caption, columns, key, empty, sortable: false });
            const list = scroll(caption, table.node);
            const part = element('div', {}, list);
            await growing(list, async (after) => {
                const before = rows.length;
                let next = after;
                do {
                    const page = await ask(next);
                    rows.push(...page.rows);
                    next = page.next;
                } while (next && rows.length < shown);
                shown = Math.max(shown, rows.length);
                table.show(rows);
                return { next, count: rows.length - before };
            }, signal, 'Older');
            replace(box, part);
        },
    };
}

function figures(row) {
    const away = Object.entries(row.unavailable).filter(([, n]) => n).map(([status, n]) => `${quantity(n)} ${status}`).join(', ');
    const coming = row.incoming.reduce((sum, line) => sum + line.quantity, 0);
    return [tile('Available', amount(row.available)), tile('On hand', amount(row.on_hand)),
        tile('Unavailable', amount(Object.values(row.unavailable).reduce((a, b) => a + b, 0)), away), tile('Reserved', amount(row.reserved)),
        tile('Committed', amount(row.committed)), tile('Safety stock', amount(row.safety_stock), row.reorder_point && `reorder at ${quantity(row.reorder_point)}`),
        tile('Incoming', amount(coming), row.incoming[0]?.expected_at && [`${row.incoming[0].reference} `, at(row.incoming[0].expected_at)]),
        row.oversold > 0 && tile('Oversold', amount(row.oversold))].filter(Boolean);
}

/** What each channel may promise here. */
async function byChannel(sku, location, known, signal) {
    const ask = (channel) => get(`/v1/availability/${segment(sku)}`, { location, channel }, { signal }).then((answer) => answer.locations[0], () => undefined);
    const answers = await Promise.all([undefined, ...known.map((one) => one.id)].map(ask));
    const line = (name, found) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', { class: 'number' }, found ? amount(found.available) : '–'), element('td', {}, found && level(found.level)));
    return element('div', { class: 'scroll' }, element('table', { class: 'table' }, element('caption', { class: 'unseen' }, 'What each channel may promise here'),
        element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Channel'), element('th', { scope: 'col', class: 'number' }, 'Available'), element('th', { scope: 'col' }, 'Level'))),
        element('tbody', {}, line('No channel: the pool', answers[0]), known.map((one, i) => line(one.name || one.id, answers[i + 1])))));
}

const fences = (row) => {
    const set = Object.entries(row.allocations ?? {});
    return set.length > 0 && element('p', { class: 'small' }, 'Set aside: ', set.map(([channel, one], i) => [i > 0 && ', ', `${channel} ${quantity(one.quantity)}, ${quantity(one.consumed)} consumed`]));
};

export async function show({ page, segments: [sku, location], parameters, signal, heading, keep, again }) {
    const h1 = heading(`${sku} at ${location ?? ''}`);
    const [item, names, known] = await Promise.all([unless(404, get(`/v1/items/${segment(sku)}`, {}, { signal })), locationNames(), channels(signal)]);
    if (signal.aborted) return;
    const name = names.get(location) || location;
    say(h1, `${item?.name || sku} at ${name}`);
    document.title = `${h1.textContent} · onhand`;

    let channel = parameters.get('channel') ?? '';
    let version; // of the row, as it is shown
    const summary = element('div', { class: 'summary' });
    const terms = element('div');
    const promised = element('div');
    const dates = element('div');
    const told = element('p', { class: 'unseen', role: 'status' });
    const demand = paged({
        caption: 'Who holds what', columns: demandColumns, key: (one) => JSON.stringify([one.reference, one.line, one.since]), empty: 'Nobody holds anything here.', signal,
        ask: async (after) => {
            const answer = await get(`/v1/rows/${segment(sku)}/${segment(location)}/demand`, { after, limit: 25 }, { signal });
            return { rows: answer.demand, next: answer.next };
        },
    });
    const history = paged({
        caption: 'History', columns: historyColumns, key: (one) => `${one.version}/${one.event}`, empty: 'Nothing is written down of this row.', signal,
        ask: async (after) => {
            const answer = await get(`/v1/rows/${segment(sku)}/${segment(location)}/history`, { after, limit: 20 }, { signal });
            return { rows: answer.changes, next: answer.next };
        },
    });
    const withReason = (list) => list.load().catch((error) => !signal.aborted && replace(list.node, note(reason(error), error.status === 503 ? '' : 'warn')));

    const explain = () => into(terms, async () => {
        const found = await get(`/v1/rows/${segment(sku)}/${segment(location)}/explain`, { channel }, { signal });
        const before = summary.textContent;
        version = found.row.version;
        replace(summary, element('dl', { class: 'tiles' }, figures(found.row)), element('p', { class: 'badges' }, level(found.row.level), flags(found.row.flags),
            element('span', { class: 'soft small' }, 'last event ', since(found.row.last_event_at), ', counted ', since(found.row.last_count_at))));
        if (before && summary.textContent !== before) say(told, `${quantity(found.row.available)} available, ${quantity(found.row.on_hand)} on hand`);
        replace(dates, found.schedule.length > 1 ? schedule(found.schedule) : element('p', { class: 'soft' }, 'Nothing is dated: what holds now holds from now on.'));
        return [arithmetic(found), rules(found.rules), fences(found.row)];
    }, signal);
    const load = () => Promise.all([explain(), into(promised, () => byChannel(sku, location, known, signal), signal), withReason(demand), withReason(history)]);

    page.append(facts([['Item', linkTo(['item', sku], sku)], ['Location', linkTo(['locations', location], location)]]), summary, told,
        element('div', { class: 'columns two' },
            card('Why this figure', element('div', { class: 'filters' }, pick('As seen by', [['', 'No channel: the pool'], ...known.map((one) => [one.id, one.name || one.id])], channel, (value) => {
                channel = value;
                keep({ channel });
                explain();
            })), terms),
            element('div', { class: 'stack' }, card('By channel', promised), card('By date', element('p', { class: 'soft small' }, 'All channels together, before what is set aside for one.'), dates))),
        card('Who holds what', demand.node), card('History', history.node));
    await load();
    if (signal.aborted) return;
    again(load);
    const refresh = settled(() => load().catch(() => {}), 200);
    const stop = follow({ sku, location }, refresh, (state) => state === 'live' && refresh());
    // A row whose available figure stays the same tells nobody of what changed behind it.
    const look = setInterval(async () => {
        const answer = await get(`/v1/availability/${segment(sku)}`, { location, detail: true }, { signal }).catch(() => undefined);
        if (answer && answer.locations[0].version !== version) refresh();
    }, LOOK_MS);
    signal.addEventListener('abort', () => {
        stop();
        refresh.stop();
        clearInterval(look);
    });
}
