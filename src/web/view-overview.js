// How the engine does: rates, how far it has got, what it holds, what it feeds, what has just changed.

import { chart } from './chart.js';
import { element, flash, replace, say } from './dom.js';
import { follow } from './live.js';
import { latest, onSample, rates } from './metrics.js';
import { amount, bytes, card, duration, empty, itemLink, linkTo, rowLink, signed, stateBadge, tile } from './parts.js';
import { quantity } from './words.js';

const count = (value) => quantity(Math.round(value ?? 0));

/** Charts: title, and a counter for each line. */
const CHARTS = [
    ['Events', { '': 'onhand_events_total' }],
    ['Records', { '': 'onhand_records_total' }],
    ['Requests', { '': 'onhand_http_requests_total' }],
    ['Reservations', { granted: 'onhand_reservations_granted_total', refused: 'onhand_reservations_refused_total' }],
];

const memory = (m) => m.process_resident_memory_bytes ?? m.onhand_table_bytes + m.onhand_ids_bytes + m.onhand_sources_bytes;

/** Figures: name, value, what stands beside it. */
const TILES = [
    ['State', (m) => (m.onhand_ready ? 'Ready' : 'Catching up'), (m) => (m.onhand_duty ? 'on duty' : 'standing by')],
    ['Behind the log', (m) => count(m.onhand_log_behind_records), () => 'records'],
    ['Log position', (m) => count(m.onhand_log_next_offset), (m) => m.onhand_checkpoint_offset > 0 && `checkpoint at ${count(m.onhand_checkpoint_offset)}`],
    ['Up', (m) => duration(m.onhand_uptime_seconds), (m) => (m.onhand_duty_gains_total > 1 ? `${count(m.onhand_duty_gains_total)} times on duty` : 'since its start')],
    ['Memory', (m) => bytes(memory(m)), (m) => `${bytes(m.onhand_table_bytes)} table`],
    ['Items', (m) => count(m.onhand_skus), (m) => `${count(m.onhand_rows)} rows`],
    ['Locations', (m) => count(m.onhand_locations), () => 'stores, warehouses'],
    ['Open reservations', (m) => count(m.onhand_reservations_open), () => 'holds and orders'],
];

const VERDICTS = [
    ['Applied', 'onhand_events_applied_total'], ['In part', 'onhand_events_partial_total'], ['Superseded', 'onhand_events_superseded_total'],
    ['Seen before', 'onhand_events_duplicate_total'], ['Rejected', 'onhand_events_rejected_total'], ['Unmatched', 'onhand_events_unmatched_total'],
    ['Sequence gaps', 'onhand_sequence_gaps'], ['Alerts', 'onhand_alerts_total'],
];

const ENDS = [
    ['Granted', 'onhand_reservations_granted_total'], ['Refused for want of stock', 'onhand_reservations_refused_total'],
    ['Confirmed', 'onhand_reservations_confirmed_total'], ['Handed over', 'onhand_reservations_fulfilled_total'],
    ['Released', 'onhand_reservations_released_total'], ['Expired', 'onhand_reservations_expired_total'],
    ['Revived', 'onhand_reservations_revived_total'], ['Cancelled', 'onhand_reservations_cancelled_total'],
];

/** What is fed, and what feeds: name, the metric that is there when it is configured, whether it is well, what to say of it. */
const OUTPUTS = [
    ['Redis', 'onhand_redis_connected', (m) => m.onhand_redis_connected === 1 || !m.onhand_duty,
        (m) => `${count(m.onhand_redis_dirty)} items to write, ${count(m.onhand_redis_lag_ms)} ms behind`],
    ['Availability topic', 'onhand_topic_writing', (m) => m.onhand_topic_writing === 1 || !m.onhand_duty,
        (m) => `${count(m.onhand_topic_dirty)} items to write, ${count(m.onhand_topic_lag_ms)} ms behind`],
    ['Intake', 'onhand_intake_lag', (m) => !m.onhand_intake_paused, (m) => `${count(m.onhand_intake_lag)} messages to read`],
    ['History', 'onhand_history_bytes', (m) => !m.onhand_history_catching_up && m.onhand_history_behind_records < 100000,
        (m) => `${bytes(m.onhand_history_bytes)}, ${count(m.onhand_history_behind_records)} records behind`],
    ['Checkpoints', 'onhand_checkpoints_total', (m) => !m.onhand_checkpoint_failures_total,
        (m) => `${count(m.onhand_checkpoints_total)} written, ${count(m.onhand_checkpoint_failures_total)} failed`],
    ['Dead letters', 'onhand_dead_letters_total', (m) => !m.onhand_dead_letters_total, (m) => `${count(m.onhand_dead_letters_total)} since start`],
    ['Replicas', 'onhand_digest_compared_total', (m) => !m.onhand_digest_differs_total,
        (m) => (m.onhand_digest_compared_total ? `${count(m.onhand_digest_compared_total)} digests compared, ${count(m.onhand_digest_differs_total)} differ` : 'none compared')],
];

function counters(title, pairs) {
    const cells = pairs.map(([name, metric]) => ({ name, metric, cell: element('td', { class: 'number' }) }));
    const node = card(title, element('table', { class: 'table pairs' }, element('caption', { class: 'unseen' }, title),
        element('tbody', {}, cells.map(({ name, cell }) => element('tr', {}, element('th', { scope: 'row' }, name), cell)))));
    return { node, show: (m) => cells.forEach(({ metric, cell }) => say(cell, count(m[metric]))) };
}

function outputs() {
    const list = element('ul', { class: 'health' });
    return {
        node: card('Inputs and outputs', list),
        show: (m) => replace(list, OUTPUTS.filter(([, there]) => m[there] !== undefined).map(([name, , well, say_]) => element('li', {},
            element('span', { class: `badge ${well(m) ? 'good' : 'bad'}` }, name), element('span', { class: 'soft small' }, say_(m))))),
    };
}

const TONES = { back_in_stock: 'good', low_stock: 'warn', oversold: 'bad' };

const SHOWN = 12;
const SHOWN_AT_ONCE = 4;
const SHOWN_EVERY_MS = 1000;

/** What changes, as it changes, the newest on top. When much does, a few of a second: a list that runs away cannot be read. */
function activity(signal) {
    const list = element('ul', { class: 'activity' });
    const none = empty('Nothing has changed since this page was opened.');
    const waiting = [];

    /** What happened to a row beside its figure comes as an event of its own, of the same version: one line for both. */
    function take(type, change) {
        if (type === 'level' || type === 'refresh' || type === 'missed') return;
        const last = waiting.at(-1);
        const same = last && last[1].version === change.version && last[1].sku === change.sku && last[1].location === change.location;
        if (same) last[0] = type;
        else if (change.available === undefined || change.available !== change.previous) waiting.push([type, change]);
        if (waiting.length > SHOWN_AT_ONCE) waiting.shift();
    }

    function what(type, change) {
        if (type === 'reservation') return ['Reservation ', linkTo(['reservations', change.id], change.id), ' ', stateBadge(change.state)];
        if (type === 'stale') return [linkTo(['locations', change.location], change.location), change.stale ? ' has gone silent' : ' speaks again'];
        return [itemLink(change.sku), ' at ', rowLink(change.sku, change.location), ' ', TONES[type] && element('span', { class: `badge ${TONES[type]}` }, type.replaceAll('_', ' '))];
    }

    function line(type, change) {
        const moved = typeof change.previous === 'number' && typeof change.available === 'number';
        return element('li', {}, element('time', { class: 'soft' }, new Date(change.at ?? Date.now()).toLocaleTimeString('en-GB')),
            element('span', { class: 'what' }, what(type, change)),
            moved && element('span', { class: 'number' }, `${amount(change.previous)} → ${amount(change.available)}`,
                element('small', { class: 'soft' }, ` ${signed(change.available - change.previous)}`)));
    }

    function show() {
        if (!waiting.length || list.matches(':hover, :focus-within')) return;
        const lines = waiting.splice(0).map(([type, change]) => line(type, change)).reverse();
        list.prepend(...lines);
        lines.forEach(flash);
        while (list.children.length > SHOWN) list.lastChild.remove();
        none.hidden = true;
    }

    const timer = setInterval(show, SHOWN_EVERY_MS);
    const stop = follow({}, take);
    signal.addEventListener('abort', () => {
        clearInterval(timer);
        stop();
    });
    return card('What changes', list, none);
}

export function show({ page, signal, heading }) {
    heading('Overview');
    const charts = CHARTS.map(([title, lines]) => ({ ...chart(title, Object.keys(lines)), metrics: Object.values(lines) }));
    const facts = element('dl', { class: 'tiles' });
    const events = counters('Events since the log began', VERDICTS);
    const reservations = counters('Reservations since the log began', ENDS);
    const health = outputs();

    function draw() {
        const m = latest();
        if (!m) return;
        const now = TILES.map(([name, value, beside]) => tile(name, value(m), beside(m)));
        if (facts.children.length === now.length) now.forEach((one, i) => facts.children[i].isEqualNode(one) || facts.children[i].replaceWith(one));
        else replace(facts, now);
        for (const one of charts) one.show(one.metrics.map((metric) => rates(metric)));
        for (const part of [events, reservations, health]) part.show(m);
    }

    page.append(facts, element('div', { class: 'charts' }, charts.map((one) => one.node)),
        element('div', { class: 'columns' }, element('div', { class: 'stack' }, activity(signal), health.node), events.node, reservations.node));
    onSample(draw, signal);
    draw();
}
