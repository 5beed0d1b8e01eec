// Reservations: found by id or reference, shown with what they hold, and taken through their steps; and all that is
// open under a reference, of orders too that no reservation was made for.

import { Refused, get, post, segment, unless } from './api.js';
import { element, replace, settled } from './dom.js';
import { follow } from './live.js';
import { amount, at, card, confirmed, empty, facts, into, itemLink, linkTo, locationNames, note, placeOfRow, reason, scroll, since, stateBadge } from './parts.js';
import { to } from './route.js';
import { sheet } from './sheet.js';
import { countdown } from './words.js';

/** The steps each state allows. */
const STEPS = { held: ['confirm', 'release'], confirmed: ['fulfil', 'cancel'], expired: ['confirm'] };

const WORDS = {
    confirm: { name: 'Confirm', title: 'Make this hold an order?', what: 'What is held becomes committed and no longer ends by itself.', yes: 'Confirm it' },
    release: { name: 'Release', title: 'Give this hold back?', what: 'What is held can be promised to others at once. This cannot be undone.', yes: 'Release it', danger: true },
    fulfil: { name: 'Hand over', title: 'Hand everything over?', what: 'All that is open leaves the stock now. This cannot be undone.', yes: 'Hand it over' },
    cancel: { name: 'Cancel', title: 'Cancel this order?', what: 'All that is open goes back to the stock that can be promised. This cannot be undone.', yes: 'Cancel it', danger: true },
};

const lines = (reservation, names) => {
    const table = sheet({
        caption: 'Lines', key: (line) => `${line.sku}\n${line.location}`, empty: 'It has no line.', sortable: false,
        columns: [
            { id: 'sku', title: 'Item', head: true, cell: (line) => itemLink(line.sku) },
            { id: 'location', title: 'Location', cell: (line) => placeOfRow(line.sku, line.location, names) },
            { id: 'quantity', title: 'Asked', number: true, cell: (line) => amount(line.quantity) },
            { id: 'held', title: 'Held', number: true, cell: (line) => amount(line.held) },
            { id: 'committed', title: 'Committed', number: true, cell: (line) => amount(line.committed) },
            { id: 'gone', title: 'Handed over', number: true, cell: (line) => amount(line.gone) },
        ],
    });
    table.show(reservation.lines);
    return scroll('Lines', table.node);
};

/** What is open under a reference, whoever spoke of it; nothing when nothing is. */
function openDemand(answer, names) {
    if (!answer.demand.length) return null;
    const table = sheet({
        caption: 'Open under this reference', key: (one) => JSON.stringify([one.sku, one.location, one.line]), sortable: false,
        columns: [
            { id: 'sku', title: 'Item', head: true, cell: (one) => itemLink(one.sku) },
            { id: 'location', title: 'Location', cell: (one) => placeOfRow(one.sku, one.location, names) },
            { id: 'line', title: 'Order line', cell: (one) => one.line ?? '' },
            { id: 'held', title: 'Held', number: true, cell: (one) => amount(one.held) },
            { id: 'committed', title: 'Committed', number: true, cell: (one) => amount(one.committed) },
            { id: 'short', title: 'Short', number: true, cell: (one) => amount(one.short) },
            { id: 'since', title: 'Since', cell: (one) => since(one.since, '') },
        ],
    });
    table.show(answer.demand);
    return card(`Open under ${answer.reference}`, scroll('Open under this reference', table.node), answer.next && note('These are the oldest of them.'));
}

function open(reservation) {
    const units = reservation.lines.reduce((sum, line) => sum + line.open, 0);
    return `${amount(units)} ${units === 1 ? 'unit' : 'units'} in ${reservation.lines.length} ${reservation.lines.length === 1 ? 'line' : 'lines'}`;
}

async function ask(step, reservation) {
    const { title, what, yes, danger } = WORDS[step];
    const values = await confirmed({
        title, yes, danger,
        contents: [element('p', {}, `${reservation.id}: ${open(reservation)}. ${what}`),
            step === 'confirm' && !reservation.reference && element('label', { class: 'field' }, 'Order reference (if there is one)', element('input', { class: 'input', name: 'reference', maxlength: '128', autocomplete: 'off' }))],
    });
    return values && (values.reference ? { reference: values.reference } : {});
}

/** One reservation, with the steps it may take. `changed` is called with what a step made of it. */
function whole(reservation, names, changed) {
    const said = element('div', { role: 'status' });
    const buttons = (STEPS[reservation.state] ?? []).map((step) => element('button', {
        class: `button compact ${WORDS[step].danger ? 'grave' : 'first'}`, type: 'button', on: { click: () => take(step) },
    }, WORDS[step].name));

    async function take(step) {
        const body = await ask(step, reservation);
        if (!body) return;
        for (const button of buttons) button.disabled = true;
        try {
            changed(await post(`/v1/reservations/${segment(reservation.id)}/${step}`, body));
        } catch (error) {
            if (!(error instanceof Refused)) replace(said, note(reason(error), 'warn'));
            else replace(said, note(`Refused: ${reason(error)}`, 'bad'));
            for (const button of buttons) button.disabled = false;
        }
    }

    const left = reservation.state === 'held' && reservation.expires_at
        && element('span', { class: 'number', data: { expires: reservation.expires_at } });
    const node = element('section', { class: 'card reservation' },
        element('div', { class: 'heading' }, element('h2', {}, linkTo(['reservations', reservation.id], reservation.id)), stateBadge(reservation.state), left),
        facts([['Reference', reservation.reference && linkTo(['reservations'], reservation.reference, { reference: reservation.reference })],
            ['Channel', reservation.channel], ['Method', reservation.method], ['Made', since(reservation.created_at)], ['Expires', reservation.state === 'held' && at(reservation.expires_at)],
            ['Wanted for', reservation.required_at && at(reservation.required_at)], ['Ended', reservation.ended_at && at(reservation.ended_at)], ['Revived', reservation.revived && 'after it had expired']]),
        lines(reservation, names),
        reservation.missing?.length > 0 && note(`Not got: ${reservation.missing.map((one) => `${amount(one.quantity)} of ${one.sku}`).join(', ')}`, 'warn'),
        buttons.length > 0 && element('div', { class: 'buttons' }, buttons), said);
    return node;
}

function tick(root) {
    for (const node of root.querySelectorAll('[data-expires]')) {
        const seconds = (new Date(node.dataset.expires) - Date.now()) / 1000;
        node.textContent = seconds > 0 ? `ends in ${countdown(seconds)}` : 'ending';
    }
}

function form(id, reference) {
    const field = element('input', { class: 'input', id: 'reservation-text', name: 'text', value: id || reference, autocomplete: 'off', spellcheck: 'false', required: true });
    return element('form', {
        class: 'filters', on: {
            submit: (event) => {
                event.preventDefault();
                const text = field.value.trim();
                if (text) location.hash = to(['reservations'], { find: text });
            },
        },
    }, element('label', { class: 'field' }, 'Id or order reference', field), element('button', { class: 'button first', type: 'submit' }, 'Look it up'));
}

export async function show({ page, segments: [id], parameters, signal, heading, again }) {
    const find = parameters.get('find') ?? '';
    const reference = parameters.get('reference') ?? '';
    heading(id ? `Reservation ${id}` : reference ? `Reservations of ${reference}` : 'Reservations');
    const found = element('div', { class: 'stack' });
    page.append(form(id ?? find, reference), found);
    if (!id && !reference && !find) {
        found.append(empty('Look one up by its id, or all of an order by its reference. A row’s page tells who holds what there.'));
        return;
    }
    const names = await locationNames();

    async function load() {
        const byId = async (text) => [await unless(404, get(`/v1/reservations/${segment(text)}`, {}, { signal }))].filter(Boolean);
        const byReference = async (text) => (await get('/v1/reservations', { reference: text, limit: 50 }, { signal })).reservations;
        if (id) return byId(id);
        if (reference) return byReference(reference);
        const one = await byId(find);
        return one.length ? one : byReference(find);
    }

    const put = (node) => (reservation) => {
        const now = whole(reservation, names, (next) => put(now)(next));
        node.replaceWith(now);
        tick(page);
        now.querySelector('h2 a').focus();
    };

    let shown = [];
    const draw = () => into(found, async () => {
        const asked = reference || find;
        const [reservations, demand] = await Promise.all([load(), asked ? get('/v1/demand', { reference: asked, limit: 100 }, { signal }) : null]);
        shown = reservations;
        return [demand && openDemand(demand, names), ...shown.map((reservation) => {
            const node = whole(reservation, names, (next) => put(node)(next));
            return node;
        })].filter(Boolean);
    }, signal).then(() => {
        if (!found.children.length) replace(found, empty('There is none of that id or reference.'));
        tick(page);
    });

    await draw();
    const timer = setInterval(() => tick(page), 1000);
    signal.addEventListener('abort', () => clearInterval(timer));
    again(draw);

    // Somebody else may take a step, or time may: what it holds changes then.
    const skus = [...new Set(shown.flatMap((one) => one.lines.map((line) => line.sku)))];
    if (!skus.length) return;
    const refresh = settled(() => !document.querySelector('dialog[open]') && !found.contains(document.activeElement) && draw(), 200);
    const stop = follow({ sku: skus }, (type, change) => type === 'reservation' && shown.some((one) => one.id === change.id) && refresh());
    signal.addEventListener('abort', () => {
        stop();
        refresh.stop();
    });
}
