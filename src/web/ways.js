// Other ways to an item that no store nearby has: what the server promises, and what that rests on.

import { element } from './dom.js';
import { distance, when } from './words.js';

/** What of a promise's grounds is of this kind. */
const grounds = (option, kind) => (option.rests_on ?? []).filter((ground) => ground.kind === kind);

export const zoneOf = (option) => grounds(option, 'opening_hours')[0]?.time_zone;

/** "to collect at Camden", "sent to you from the centre" */
export function wayWords(option, name) {
    if (option.method === 'ship') return `sent to you from ${name}`;
    return option.method === 'same_day' ? `brought to you from ${name}` : `to collect at ${name}`;
}

const begun = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** "comes from the centre, is there tomorrow 10:00": why it takes until then. */
function because(option, nameOf) {
    const zone = zoneOf(option);
    return [
        ...grounds(option, 'lane').map((lane) => `comes from ${nameOf(lane.from)}, there ${when(lane.arrives_at, zone)}`),
        ...grounds(option, 'incoming').slice(0, 1).map((line) => `new stock expected ${when(line.expected_at, zone)}`),
    ].join('; ');
}

/** A list of options, each with a button that calls `take(option)`. `nameOf(location)` is for people. */
export function waysList(options, nameOf, take) {
    return element('section', { class: 'ways', 'aria-labelledby': 'ways-title' },
        element('h3', { id: 'ways-title' }, 'Other ways to get it'),
        element('ul', { class: 'ways-list' }, options.map((option) => element('li', { class: 'way' },
            element('div', {},
                element('p', { class: 'way-title' }, begun(wayWords(option, nameOf(option.location)))),
                element('p', { class: 'small' }, option.method === 'pickup' ? 'Ready ' : 'Leaves ',
                    element('time', { datetime: option.ready_at }, when(option.ready_at, zoneOf(option))),
                    element('span', { class: 'soft' }, [option.method === 'pickup' && distance(option.distance_km), because(option, nameOf)]
                        .filter(Boolean).map((part) => ` · ${part}`).join('')))),
            element('button', { class: 'button compact', type: 'button', on: { click: () => take(option) } },
                option.method === 'pickup' ? 'Reserve' : 'Order')))));
}
