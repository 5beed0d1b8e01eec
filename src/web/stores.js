// The store finder: what, where, and then live until you leave.

import { fromAddress, toAddress } from './address.js';
import { Away, get, post, Refused, segment, unless } from './api.js';
import { has, storeCard, storeWords } from './card.js';
import { combobox } from './combobox.js';
import { arrange, byId, element, replace, say, settled } from './dom.js';
import { holdPanel } from './holdpanel.js';
import { ownHolds } from './holds.js';
import { keyButton } from './key.js';
import { follow } from './live.js';
import { storeMap } from './map.js';
import { variantMatrix, variantWord } from './matrix.js';
import { findItems, findPlaces } from './search.js';
import { isWaitedFor, takeBack, toggleWaiting } from './waiting.js';
import { waysList, wayWords, zoneOf } from './ways.js';
import { coordinates, HAS, left, near, stores as storesWord } from './words.js';

const STORES_MOST = 24;
const OTHERS_MOST = 100;
const WAYS_MOST = 4;
const AGES_MS = 15000;
const ASK_AGAIN_MS = 60000; // hours pass, doors open
const OPEN = new Set(['held', 'confirmed']); // states of a reservation that has something

// ---- what was chosen, and what is known of it ----

let chosen = fromAddress();
let variants = []; // of the product, or the item alone
let shops = []; // that have it, nearest first
let others = []; // near, but without
let more = false; // there are more behind the last
let ways = []; // promises, when no store near has it
const refusals = new Map(); // location → why the last try was refused
const names = new Map(); // location → what people call it
const busy = new Set(); // locations that are asked for a reservation just now
let questions = new AbortController();
let stopFollowing = () => {};
let following = '';

const keepInAddress = (over = false) => toAddress(chosen, over);
const nameOf = (place) => names.get(place) ?? place;
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
    const asked = (item, limit) => get('/v1/stores', { near: near(place), within_km: withinKm(), ...item, channel, method: 'pickup', limit }, { signal });
    const [those, around] = await Promise.all([asked({ sku, quantity: 1 }, STORES_MOST), asked({}, OTHERS_MOST)]);
    const before = shops;
    shops = those.stores;
    more = Boolean(those.next);
    others = around.stores.filter((store) => !shops.some((shop) => shop.location === store.location));
    for (const store of around.stores) names.set(store.location, store.name ?? store.location);
    tellDifference(before, shops);
}

/** What the server promises when no store near has it: later, from elsewhere, or sent. */
async function askWays(signal) {
    const { sku, place, channel } = chosen;
    ways = [];
    if (!sku || !place || shops.length) return;
    const body = { items: [{ sku, quantity: 1 }], near: { latitude: place.latitude, longitude: place.longitude }, channel: channel || undefined };
    const answer = await unless(404, post('/v1/promises', body, { signal })); // 404: nobody promises anything of it
    ways = answer?.options.slice(0, WAYS_MOST) ?? [];
    const unnamed = new Set(ways.flatMap((way) => [way.location, ...way.lines.map((line) => line.location)]).filter((one) => !names.has(one)));
    await Promise.all([...unnamed].map(async (one) => {
        const found = await unless(404, get(`/v1/locations/${segment(one)}`, {}, { signal }));
        names.set(one, found?.name ?? one);
    }));
}

let told = ''; // of which question the last answer was

/** Says what changed while somebody looks; the first answer to a question is not a change. */
function tellDifference(before, now) {
    const question = `${chosen.sku} ${near(chosen.place)} ${chosen.within}`;
    const same = told === question;
    told = question;
    if (!same) return;
    const was = new Map(before.map((shop) => [shop.location, shop.available]));
    const is = new Set(now.map((shop) => shop.location));
    const news = [
        ...now.filter((shop) => was.has(shop.location) && was.get(shop.location) !== shop.available)
            .map((shop) => `${nameOf(shop.location)}: ${left(shop.available, shop.capped)}`),
        ...now.filter((shop) => !was.has(shop.location)).map((shop) => `${nameOf(shop.location)} has it now`),
        ...before.filter((shop) => !is.has(shop.location)).map((shop) => `${nameOf(shop.location)}: sold out`),
    ];
    if (news.length) announce(news.slice(0, 4).join('. '));
}

async function ask() {
    questions.abort();
    questions = new AbortController();
    const { signal } = questions;
    await attempt('ask', async () => {
        await askProduct(signal);
        await askStores(signal);
        await askWays(signal);
        if (!signal.aborted) draw();
    }, ask);
}

const askSoon = settled(ask, 60);

// ---- live ----

function listen() {
    const { product, sku, channel } = chosen;
    const now = variants.length ? JSON.stringify(product ? { product, channel } : { sku, channel }) : '';
    if (now === following) return;
    following = now;
    stopFollowing();
    byId('live').hidden = !now;
    if (!now) return;
    stopFollowing = follow(JSON.parse(now), askSoon, (state) => {
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
    const several = variants.length > 1;
    say(byId('product-note'), several ? `${variants.length} variants · article ${chosen.sku}` : `Article ${chosen.sku}`);
    if (several) matrix.show(variants, chosen.sku);
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
            held: holds.all().some((one) => one.state === 'held' && one.sku === chosen.sku && one.location === store.location),
        });
        card.refuse(refusals.get(store.location) ?? '');
        return card.node;
    });
    arrange(byId('stores'), here);
}

/** Whether the shopper has one of these already. */
const isMine = () => holds.all().some((one) => OPEN.has(one.state) && one.sku === chosen.sku);

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
        const waiting = isWaitedFor(chosen.sku);
        parts.push(element('div', { class: 'none-here' },
            element('p', {}, withinKm() ? `None of ${storesWord(others.length)} within ${chosen.within} km has ${isMine() ? 'another' : 'it'} at the moment.` : 'No store has it at the moment.'),
            element('div', { class: 'buttons' },
                element('button', { class: `button ${waiting ? '' : 'first'}`, type: 'button', 'aria-pressed': String(waiting), on: { click: wait } },
                    waiting ? 'Waiting: stop' : 'Tell me when it is back'),
                withinKm() && element('button', { class: 'button', type: 'button', on: { click: () => setWithin('') } }, 'Look further away')),
            ways.length > 0 && waysList(ways, nameOf, take)));
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

function wait() {
    announce(toggleWaiting(chosen.sku) ? 'You will be told here while this page is open.' : 'You will not be told.');
    drawEnd();
    byId('results-end').querySelector('button')?.focus();
}

function tellBack() {
    for (const one of takeBack(variants, (each) => HAS.has(each.level))) {
        const kind = `back ${one.sku}`;
        const show = () => {
            message(kind);
            chosen.sku = one.sku;
            keepInAddress();
            ask();
        };
        message(kind, `Back in stock: ${[one.name ?? one.sku, variantWord(one)].filter(Boolean).join(', ')}.`, 'good', { name: 'Show it', act: show });
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

/** Asks for a hold; a refusal is told to `refused`, silence stays visible as a hold that may be asked for again. */
async function hold(wish, refused) {
    try {
        await holds.reserve({ channel: chosen.channel || undefined, what: itemWords(), sku: chosen.sku, ...wish });
        announce(`Held for you: ${itemWords()}, ${wish.where}.`);
        byId('holds').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    } catch (error) {
        if (error instanceof Refused) refused(`Not reserved: ${refusalWords(error)}`);
        else explain(holds.all().at(-1), error);
    }
    askSoon();
}

async function reserve(place) {
    const store = shops.find((one) => one.location === place);
    refusals.delete(place);
    busy.add(place);
    drawList();
    await hold({ location: place, where: nameOf(place), zone: store.time_zone, ready: store.pickup?.ready_at },
        (text) => refusals.set(place, text));
    busy.delete(place);
    drawList();
}

/** A promise becomes a reservation as it was given. */
const take = (way) => hold({ promise: way, where: wayWords(way, nameOf(way.location)), zone: zoneOf(way), ready: way.ready_at, method: way.method },
    (text) => message('hold', text, 'bad', { name: 'Close', act: () => message('hold') }));

// ---- what and where ----

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
    chosen = fromAddress();
    fillIn();
    ask();
});
window.addEventListener('online', askSoon);
keyButton(() => {
    following = '';
    ask();
});
setInterval(() => !document.hidden && variants.length && drawStores(), AGES_MS);
setInterval(() => !document.hidden && chosen.sku && askSoon(), ASK_AGAIN_MS);

/** The shopper's channel is `web`, or what the address says; a server that has no such channel is asked without one. */
async function findChannel() {
    if (chosen.channelSaid !== null) return;
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
