// The store finder: what, where, and then live until you leave. The address bar holds all that was chosen.

import { Away, get, query, Refused, segment } from './api.js';
import { has, storeCard, storeWords } from './card.js';
import { combobox } from './combobox.js';
import { arrange, byId, element, replace, say, settled } from './dom.js';
import { holdPanel } from './holdpanel.js';
import { ownHolds } from './holds.js';
import { keyButton } from './key.js';
import { follow } from './live.js';
import { storeMap } from './map.js';
import { variantMatrix, variantWord } from './matrix.js';
import { coordinates, HAS, left, near, stores as storesWord } from './words.js';

const STORES_MOST = 24;
const OTHERS_MOST = 100;
const AGES_MS = 15000;
const OPEN = new Set(['held', 'confirmed']); // states of a reservation that has something
const WITHIN = '25'; // km, when nothing is said

// ---- what was chosen ----

/** From the address: {product, sku, place: {latitude, longitude, name}, within, channel, store}. */
function chosenInAddress() {
    const given = new URLSearchParams(location.search);
    const point = coordinates(given.get('near') ?? '');
    return {
        product: given.get('product') ?? '',
        sku: given.get('sku') ?? '',
        place: point && { ...point, name: given.get('place') ?? '' },
        within: given.get('within') ?? WITHIN,
        channel: given.get('channel') ?? 'web',
        store: given.get('store') ?? '',
    };
}

let chosen = chosenInAddress();
let variants = []; // of the product, or the item alone
let shops = []; // that have it, nearest first
let others = []; // near, but without
let more = false; // there are more behind the last
let refusals = new Map(); // location → why the last try was refused
let waitedFor = new Set(JSON.parse(sessionStorage.getItem('onhand.waiting') ?? '[]')); // SKUs to tell about
let questions = new AbortController();
let stopFollowing = () => {};
let following = '';

function keepInAddress(replaceEntry = false) {
    const { product, sku, place, within, channel, store } = chosen;
    const address = `/stores${query({
        product, sku, near: place && near(place), place: place?.name, within: within === WITHIN ? '' : within || 'any',
        channel: new URLSearchParams(location.search).get('channel'), store,
    })}`;
    if (address === location.pathname + location.search) return;
    history[replaceEntry ? 'replaceState' : 'pushState'](null, '', address);
}

const withinKm = () => (Number(chosen.within) > 0 ? Number(chosen.within) : undefined);
const variant = () => variants.find((one) => one.sku === chosen.sku);
const productName = () => variant()?.name ?? variants[0]?.name ?? chosen.product ?? chosen.sku;
const itemWords = () => [productName(), variantWord(variant())].filter(Boolean).join(', ');

// ---- what goes wrong is said, and can be tried again ----

const messages = new Map();

function message(kind, text, tone = 'bad', action = undefined) {
    if (text) {
        const button = action && element('button', { class: 'button compact', type: 'button', on: { click: action.act } }, action.name);
        messages.set(kind, element('div', { class: `note ${tone}`, role: tone === 'bad' ? 'alert' : 'status' }, element('p', {}, text), button));
    } else {
        messages.delete(kind);
    }
    arrange(byId('messages'), [...messages.values()]);
}

const announce = settled((text) => {
    say(byId('announce'), '');
    say(byId('announce'), text);
}, 300);

/** Runs a question; what it throws becomes a message with a way out. */
async function attempt(kind, question, retry) {
    try {
        await question();
        message(kind);
    } catch (error) {
        if (error.name === 'AbortError') return;
        const text = error instanceof Away ? 'The server does not answer. What you see may be old.' : error.message;
        message(kind, text, 'bad', { name: 'Try again', act: retry });
    }
}

// ---- questions ----

/** Item and variants. */
async function askProduct(signal) {
    const { product, sku, place, channel } = chosen;
    if (!product && !sku) {
        variants = [];
        return;
    }
    if (!product) {
        const item = await get(`/v1/items/${segment(sku)}`, {}, { signal });
        if (item.product) {
            chosen.product = item.product;
            keepInAddress(true);
            await askProduct(signal);
            return;
        }
        variants = [item];
        return;
    }
    const answer = await get(`/v1/products/${segment(product)}/availability`, {
        channel, method: 'pickup', near: place && near(place), within_km: place && withinKm(), limit: place && OTHERS_MOST,
    }, { signal });
    variants = answer.variants;
    if (!variant()) chosen.sku = (variants.find((one) => HAS.has(one.level)) ?? variants[0])?.sku ?? '';
}

async function askStores(signal) {
    const { sku, place, channel } = chosen;
    if (!sku || !place) {
        shops = others = [];
        return;
    }
    const asked = (quantity, limit) => get('/v1/stores', { near: near(place), within_km: withinKm(), sku, quantity, channel, method: 'pickup', limit }, { signal });
    const [those, around] = await Promise.all([asked(1, STORES_MOST), asked(0, OTHERS_MOST)]);
    const before = shops;
    shops = those.stores;
    more = Boolean(those.next);
    others = around.stores.filter((store) => !shops.some((shop) => shop.location === store.location));
    tellDifference(before, shops);
}

let lastSku = '';

/** Says what changed while somebody looks; the first answer for an item is not a change. */
function tellDifference(before, now) {
    if (lastSku !== chosen.sku + chosen.place.latitude + chosen.place.longitude) {
        lastSku = chosen.sku + chosen.place.latitude + chosen.place.longitude;
        return;
    }
    const was = new Map(before.map((shop) => [shop.location, shop]));
    const told = now.filter((shop) => was.has(shop.location) && was.get(shop.location).available !== shop.available)
        .map((shop) => `${shop.name ?? shop.location}: ${left(shop.available, shop.capped)}`);
    told.push(...now.filter((shop) => !was.has(shop.location)).map((shop) => `${shop.name ?? shop.location} has it now`));
    const still = new Set(now.map((shop) => shop.location));
    told.push(...before.filter((shop) => !still.has(shop.location)).map((shop) => `${shop.name ?? shop.location}: sold out`));
    if (told.length) announce(told.slice(0, 4).join('. '));
}

async function ask() {
    questions.abort();
    questions = new AbortController();
    const { signal } = questions;
    await attempt('ask', async () => {
        await askProduct(signal);
        await askStores(signal);
        if (!signal.aborted) draw();
    }, ask);
}

const askSoon = settled(ask, 60);

// ---- live ----

function listen() {
    const wanted = variants.map((one) => one.sku);
    const now = JSON.stringify([wanted, chosen.channel]);
    if (now === following) return;
    following = now;
    stopFollowing();
    byId('live').hidden = !wanted.length;
    if (!wanted.length) return;
    stopFollowing = follow({ sku: wanted, channel: chosen.channel }, askSoon, (state) => {
        byId('live').dataset.state = state;
        say(byId('live'), state === 'live' ? 'Live' : 'Not live');
        if (state === 'live') askSoon(); // what was missed meanwhile
    });
}

// ---- drawing ----

const map = storeMap(byId('map'), select);
const matrix = variantMatrix(byId('matrix'), (sku) => {
    chosen.sku = sku;
    chosen.store = '';
    refusals.clear();
    keepInAddress();
    draw();
    ask();
});
const cards = new Map();
const busy = new Set();

function select(place) {
    chosen.store = chosen.store === place ? '' : place;
    keepInAddress(true);
    drawStores();
    cards.get(place)?.node.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

function drawProduct() {
    if (!variants.length) {
        matrix.clear();
        return;
    }
    say(byId('product-name'), productName());
    say(byId('product-note'), chosen.product ? `${variants.length} variants · article ${chosen.sku}` : `Article ${chosen.sku}`);
    if (chosen.product) matrix.show(variants, chosen.sku);
    else matrix.clear();
}

function cardOf(store) {
    if (!cards.has(store.location)) cards.set(store.location, storeCard(store.location, { select, reserve }));
    return cards.get(store.location);
}

function drawList() {
    const here = shops.map((store, i) => {
        const card = cardOf(store);
        card.update(store, {
            number: i + 1, selected: store.location === chosen.store, busy: busy.has(store.location),
            held: holds.all().some((hold) => hold.state === 'held' && hold.request.items[0].sku === chosen.sku && hold.request.items[0].location === store.location),
        });
        card.refuse(refusals.get(store.location) ?? '');
        return card.node;
    });
    arrange(byId('stores'), here);
}

/** Whether the shopper has one of these already. */
const isMine = () => holds.all().some((hold) => OPEN.has(hold.state) && hold.request.items[0].sku === chosen.sku);

function headline() {
    if (!chosen.place) return ['Where are you?', 'Type a place, or use “Near me”, and see which stores have it.'];
    const at = chosen.place.name ? `near ${chosen.place.name}` : chosen.place.own ? 'near you' : 'near this place';
    if (shops.length) return [`${storesWord(shops.length)}${more ? ' and more' : ''} ${shops.length === 1 ? 'has' : 'have'} it ${at}`, itemWords()];
    if (isMine()) return ['The last one is yours', itemWords()];
    return [`Sold out ${at}`, itemWords()];
}

function drawEnd() {
    const parts = [];
    if (chosen.place && !shops.length) {
        const waiting = waitedFor.has(chosen.sku);
        parts.push(element('div', { class: 'none-here' },
            element('p', {}, withinKm() ? `None of ${storesWord(others.length)} within ${chosen.within} km has ${isMine() ? 'another' : 'it'} at the moment.` : 'No store has it at the moment.'),
            element('div', { class: 'buttons' },
                element('button', { class: `button ${waiting ? '' : 'first'}`, type: 'button', 'aria-pressed': String(waiting), on: { click: toggleWaiting } },
                    waiting ? 'Waiting: stop' : 'Tell me when it is back'),
                withinKm() && element('button', { class: 'button', type: 'button', on: { click: () => setWithin('') } }, 'Look further away'))));
    }
    if (chosen.place && shops.length && others.length) {
        parts.push(element('details', { class: 'others' },
            element('summary', {}, `${storesWord(others.length)} without it`),
            element('ul', { class: 'others-list small' }, others.map((store) => element('li', {}, storeWords(store))))));
    }
    const open = byId('results-end').querySelector('details')?.open;
    replace(byId('results-end'), parts);
    if (open) byId('results-end').querySelector('details')?.setAttribute('open', '');
}

function drawStores() {
    if (!variants.length) return;
    const [title, note] = headline();
    say(byId('results-title'), title);
    say(byId('results-note'), note);
    drawList();
    drawEnd();
    byId('map').hidden = !chosen.place;
    if (chosen.place) {
        map.show({
            place: { ...chosen.place, word: chosen.place.own ? 'You' : 'Here' }, others, selected: chosen.store,
            stores: shops.map((store) => ({ ...store, label: storeWords(store), name: store.name ?? store.location })),
        });
    }
}

function draw() {
    byId('found').hidden = !variants.length;
    byId('start').hidden = variants.length > 0;
    drawProduct();
    drawStores();
    document.title = variants.length ? `${productName()} · Find it in a store` : 'Find it in a store · onhand';
    tellBack();
    listen();
}

// ---- tell me when it is back ----

function toggleWaiting() {
    if (!waitedFor.delete(chosen.sku)) waitedFor.add(chosen.sku);
    sessionStorage.setItem('onhand.waiting', JSON.stringify([...waitedFor]));
    announce(waitedFor.has(chosen.sku) ? 'You will be told here while this page is open.' : 'You will not be told.');
    drawEnd();
    byId('results-end').querySelector('button')?.focus();
}

function tellBack() {
    for (const one of variants.filter((each) => waitedFor.has(each.sku) && HAS.has(each.level))) {
        waitedFor.delete(one.sku);
        sessionStorage.setItem('onhand.waiting', JSON.stringify([...waitedFor]));
        message(`back ${one.sku}`, `Back in stock: ${one.name ?? one.sku}${variantWord(one) ? `, ${variantWord(one)}` : ''}.`, 'good', {
            name: 'Show it',
            act: () => {
                message(`back ${one.sku}`);
                chosen.sku = one.sku;
                keepInAddress();
                ask();
            },
        });
        document.title = `Back in stock! ${productName()}`;
    }
}

// ---- reserving ----

const holds = ownHolds((all) => {
    panel.show(all);
    askSoon();
});

/** What went wrong with a hold is said at once; whether it was granted stays open when nobody answered. */
function explain(hold, error) {
    if (error instanceof Refused) return error;
    hold.silent = true;
    hold.tries = (hold.tries ?? 0) + 1;
    panel.show(holds.all());
    return error;
}

const acting = (act) => async (hold) => {
    try {
        await act(hold);
        message('hold');
    } catch (error) {
        explain(hold, error);
        if (error instanceof Refused) message('hold', `${hold.what}: ${refusalWords(error)}`, 'bad', { name: 'Close', act: () => message('hold') });
        else if (hold.state !== 'asking') message('hold', error.message, 'bad', { name: 'Close', act: () => message('hold') });
        hold.tries = (hold.tries ?? 0) + 1;
        panel.show(holds.all());
    }
};

const panel = holdPanel(byId('holds'), {
    confirm: acting((hold) => holds.confirm(hold)),
    end: acting((hold) => holds.end(hold)),
    again: acting((hold) => holds.again(hold)),
    drop: (hold) => holds.forget(hold),
    forget: (hold) => holds.forget(hold),
}, () => holds.look().catch(() => {}));

function refusalWords(error) {
    const short = error.problem.shortfalls?.[0];
    if (!short) return error.message;
    return short.available > 0 ? `only ${left(short.available)} now.` : 'somebody was faster: none left.';
}

async function reserve(place) {
    const store = shops.find((one) => one.location === place);
    refusals.delete(place);
    busy.add(place);
    drawList();
    try {
        await holds.reserve({
            sku: chosen.sku, location: place, channel: chosen.channel, what: itemWords(), where: store.name ?? place, zone: store.time_zone,
            ready: store.pickup?.ready_at,
        });
        announce(`Held for you at ${store.name ?? place}.`);
        byId('holds').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    } catch (error) {
        const hold = holds.all().at(-1);
        if (error instanceof Refused) refusals.set(place, `Not reserved: ${refusalWords(error)}`);
        else explain(hold, error);
    } finally {
        busy.delete(place);
        drawList();
        askSoon();
    }
}

// ---- what and where ----

/** Items of one product are one proposal. */
async function findItems(text, signal) {
    const { items } = await get('/v1/items', { q: text, limit: 60 }, { signal });
    const products = new Map();
    for (const item of items) {
        const id = item.product ?? item.sku;
        if (!products.has(id)) products.set(id, []);
        products.get(id).push(item);
    }
    return [...products.values()].slice(0, 12).map((group) => {
        const [first] = group;
        const several = first.product && group.length > 1;
        const exact = group.find((item) => item.sku.toLowerCase() === text.toLowerCase());
        return {
            title: first.name ?? first.sku,
            note: several && !exact ? `${first.product}, ${group.length} variants` : (exact ?? first).sku,
            value: { product: first.product ?? '', sku: several && !exact ? '' : (exact ?? first).sku, name: first.name ?? first.sku },
        };
    });
}

async function findPlaces(text, signal) {
    const { locations } = await get('/v1/locations', { q: text, limit: 12 }, { signal });
    return locations.filter((one) => typeof one.latitude === 'number').map((one) => ({
        title: one.name ?? one.id, note: one.address,
        value: { latitude: one.latitude, longitude: one.longitude, name: one.name ?? one.id },
    }));
}

function takeItem({ product, sku, name }) {
    Object.assign(chosen, { product, sku, store: '' });
    refusals.clear();
    byId('item').value = name;
    keepInAddress();
    ask();
}

function takePlace(place) {
    Object.assign(chosen, { place, store: '' });
    refusals.clear();
    byId('place').value = place.name || near(place);
    keepInAddress();
    ask();
}

function setWithin(km) {
    chosen.within = km;
    byId('within').value = km;
    keepInAddress();
    ask();
}

function nearMe() {
    const button = byId('near-me');
    if (!navigator.geolocation) {
        message('near', 'This browser does not say where it is: please type a place.', 'warn');
        return;
    }
    button.setAttribute('aria-busy', 'true');
    navigator.geolocation.getCurrentPosition(({ coords }) => {
        button.removeAttribute('aria-busy');
        message('near');
        takePlace({ latitude: coords.latitude, longitude: coords.longitude, name: '', own: true });
        byId('place').value = 'Near me';
    }, (error) => {
        button.removeAttribute('aria-busy');
        message('near', error.code === error.PERMISSION_DENIED ? 'The browser may not say where you are: please type a place.'
            : 'Where you are could not be found out: please type a place.', 'warn');
    }, { timeout: 10000, maximumAge: 300000 });
}

function fillIn() {
    const { place, within } = chosen;
    byId('place').value = place ? place.name || near(place) : '';
    const select = byId('within');
    const value = Number(within) > 0 ? within : '';
    if (![...select.options].some((option) => option.value === value)) select.append(element('option', { value }, `${value} km`));
    select.value = value;
}

// ---- begin ----

combobox(byId('item'), { find: findItems, take: takeItem });
combobox(byId('place'), { find: findPlaces, take: takePlace, whole: (text) => {
    const point = coordinates(text);
    return point && { ...point, name: '' };
} });
byId('ask').addEventListener('submit', (event) => event.preventDefault());
byId('within').addEventListener('change', (event) => setWithin(event.target.value));
byId('near-me').addEventListener('click', nearMe);
window.addEventListener('popstate', () => {
    chosen = chosenInAddress();
    fillIn();
    ask();
});
window.addEventListener('online', askSoon);
keyButton(() => {
    following = '';
    ask();
});
setInterval(() => !document.hidden && variants.length && drawStores(), AGES_MS);
setInterval(() => !document.hidden && chosen.sku && askSoon(), 60000); // hours pass, doors open

/** The shopper's channel is `web`, or what the address says; a server that has no such channel is asked without one. */
async function findChannel() {
    if (new URLSearchParams(location.search).has('channel')) return;
    const { channels } = await get('/v1/channels', { limit: 1000 });
    if (!channels.some((one) => one.id === chosen.channel)) chosen.channel = '';
}

async function begin() {
    await attempt('ask', findChannel, begin);
    await ask();
    byId('item').value = variants.length ? productName() : '';
    await attempt('hold', () => holds.look(), begin);
}

fillIn();
panel.show(holds.all());
await begin();
