// What was chosen is in the address bar: a link says it all, a reload keeps it, Back undoes it.

import { query } from './api.js';
import { coordinates, near } from './words.js';

export const WITHIN_KM = '25'; // when nothing is said
const CHANNEL = 'web'; // who asks, when nothing is said

/** {product, sku, place: {latitude, longitude, name}, within, channel, channelSaid, store} */
export function fromAddress() {
    const given = new URLSearchParams(location.search);
    const said = (name) => given.get(name) ?? '';
    const point = coordinates(said('near'));
    return {
        product: said('product'), sku: said('sku'), place: point && { ...point, name: said('place') }, within: given.get('within') ?? WITHIN_KM,
        channel: given.get('channel') ?? CHANNEL, channelSaid: given.get('channel'), store: said('store'),
    };
}

/** `over`: in place of the entry there is, so that Back does not stop here. */
export function toAddress({ product, sku, place, within, channelSaid, store }, over = false) {
    const address = `/stores${query({
        product, sku, near: place && near(place), place: place?.name, within: within === WITHIN_KM ? '' : within || 'any', channel: channelSaid, store,
    })}`;
    if (address !== location.pathname + location.search) history[over ? 'replaceState' : 'pushState'](null, '', address);
}
