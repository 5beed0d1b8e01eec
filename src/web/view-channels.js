// Channels and the rules by which they see stock otherwise than the pool does. To read only.

import { element } from './dom.js';
import { all, card, empty, linkTo, locationLink, locationNames, scroll } from './parts.js';
import { quantity } from './words.js';

/** What a rule is narrowed to, the most telling first. */
function scope(rule, names) {
    const parts = [
        rule.sku && ['item ', linkTo(['item', rule.sku], rule.sku)], rule.product && ['product ', linkTo(['stock'], rule.product, { product: rule.product })],
        rule.location && locationLink(rule.location, names), rule.group && ['group ', linkTo(['groups', rule.group], rule.group)],
        rule.method && rule.method.replaceAll('_', ' '),
    ].filter(Boolean);
    return parts.length ? parts.map((part, i) => [i > 0 && ' · ', part]) : 'everything';
}

const SETS = [
    ['buffer', (n) => `holds ${quantity(n)} back`], ['buffer_percent', (n) => `holds ${quantity(n)} % back`], ['cap', (n) => `shows ${quantity(n)} at most`],
    ['max_per_line', (n) => `${quantity(n)} a line at most`], ['safety_stock', (n) => `safety stock ${quantity(n)}`], ['enabled', (on) => (on ? 'switched on' : 'switched off')],
];

const sets = (rule) => [SETS.filter(([name]) => rule[name] !== undefined).map(([name, says]) => says(rule[name])).join(', '),
    rule.when && element('span', { class: 'soft' }, rule.when === 'stale' ? ' while the location is silent' : ` when ${rule.when}`)];

function channel(one, names) {
    const rules = one.rules ?? [];
    return card(one.id === '*' ? 'Every channel' : one.name || one.id,
        element('p', { class: 'soft small' }, one.id === '*' ? 'Rules that hold for every channel and the pool' : one.id,
            one.low_threshold !== undefined && ` · low at ${quantity(one.low_threshold)} and less`, one.registered === false && ' · known from events only'),
        rules.length ? scroll(`Rules of ${one.name || one.id}`, element('table', { class: 'table' }, element('caption', { class: 'unseen' }, `Rules of ${one.name || one.id}`),
            element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'For'), element('th', { scope: 'col' }, 'Rule'))),
            element('tbody', {}, rules.map((rule) => element('tr', {}, element('th', { scope: 'row' }, scope(rule, names)), element('td', {}, sets(rule)))))))
            : element('p', { class: 'soft' }, 'No rule of its own: it sees what the pool sees.'));
}

export async function show({ page, signal, heading }) {
    heading('Channels');
    page.append(element('p', { class: 'soft' }, 'For each field the most specific rule decides: by item, then place, then method, then channel.'));
    const [found, names] = await Promise.all([all('/v1/channels', 'channels', {}, signal), locationNames()]);
    page.append(found.length ? element('div', { class: 'columns two' }, found.map((one) => channel(one, names))) : empty('There is no channel.'));
}
