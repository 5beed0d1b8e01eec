// Clients that take units of one item from many sides at once, and Porcupine's judgement of what they were told:
// is there one order of all commands and questions in which every answer is right?
//
//	linearizability -url http://127.0.0.1:8080 -histories 30 [-clients 8] [-operations 120] [-seed 1]
//
// Each history has an item of its own. Answers that never came (the engine was killed, the broker away) may have had
// their effect at any time later, or never. One line of JSON a history; exit code 1 when one is not linearizable.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const reservationsMost = 64 // a history's reservations are bits of one word

type kind int

const (
	reserve kind = iota
	confirm
	release
	query
)

var kindNames = [...]string{"reserve", "confirm", "release", "query"}

type input struct {
	kind   kind
	number uint // of the reservation
	units  int
}

type output struct {
	unknown   bool // no answer: it may have happened, or not
	status    int
	available int
}

// What a sequential engine would hold.
type books struct {
	available                 int
	held, confirmed, released uint64
}

// The units of a reservation follow from its number, so that the state needs no list.
func unitsOf(number uint) int { return 1 + int(number)%3 }

func step(state, in, out interface{}) (bool, interface{}) {
	s, i, o := state.(books), in.(input), out.(output)
	bit := uint64(1) << i.number
	status := 200
	switch i.kind {
	case query:
		return o.unknown || o.available == s.available, s
	case reserve:
		if (s.held|s.confirmed|s.released)&bit == 0 {
			status = 409
			if s.available >= i.units {
				s.available -= i.units
				s.held |= bit
				status = 201
			}
		}
	case confirm:
		switch {
		case s.held&bit != 0:
			s.held &^= bit
			s.confirmed |= bit
		case s.confirmed&bit != 0:
		case s.released&bit != 0:
			status = 409
		default:
			status = 404
		}
	case release:
		switch {
		case s.held&bit != 0:
			s.held &^= bit
			s.released |= bit
			s.available += unitsOf(i.number)
		case s.released&bit != 0:
		case s.confirmed&bit != 0:
			status = 409
		default:
			status = 404
		}
	}
	return o.unknown || o.status == status, s
}

func model(units int) porcupine.Model {
	return porcupine.Model{
		Init: func() interface{} { return books{available: units} },
		Step: step,
		DescribeOperation: func(in, out interface{}) string {
			return fmt.Sprintf("%s %+v -> %+v", kindNames[in.(input).kind], in, out)
		},
	}
}

type client struct {
	http    *http.Client
	url     string
	history string
	seen    *versions
}

// The newest version that any client was told. Questions ask for at least that: an instance that has just come back
// reads the log before it knows what it had answered.
type versions struct {
	lock                sync.Mutex
	incarnation, offset uint64
}

func (v *versions) tell(text string) {
	var incarnation, offset uint64
	if n, _ := fmt.Sscanf(text, "%d:%d", &incarnation, &offset); n != 2 {
		return
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	if incarnation > v.incarnation || incarnation == v.incarnation && offset > v.offset {
		v.incarnation, v.offset = incarnation, offset
	}
}

func (v *versions) newest() string {
	v.lock.Lock()
	defer v.lock.Unlock()
	return fmt.Sprintf("%d:%d", v.incarnation, v.offset)
}

// True when the request never left: it has not happened.
func neverSent(err error) bool {
	var op *net.OpError
	for e := err; e != nil; {
		if o, is := e.(*net.OpError); is {
			op = o
		}
		u, can := e.(interface{ Unwrap() error })
		if !can {
			break
		}
		e = u.Unwrap()
	}
	return op != nil && op.Op == "dial"
}

func (c *client) ask(method, path string, body interface{}) (int, []byte, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.url+path, reader)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

func (c *client) sku() string { return "LIN-" + c.history }

func (c *client) do(i input) (output, bool) {
	id := fmt.Sprintf("lin-%s-%d", c.history, i.number)
	var status int
	var text []byte
	var err error
	switch i.kind {
	case reserve:
		status, text, err = c.ask("POST", "/v1/reservations", map[string]interface{}{
			"id": id, "ttl_seconds": 3600,
			"items": []map[string]interface{}{{"sku": c.sku(), "quantity": i.units, "location": "lin-1"}}})
	case confirm, release:
		status, text, err = c.ask("POST", "/v1/reservations/"+id+"/"+kindNames[i.kind], map[string]interface{}{})
	case query:
		status, text, err = c.ask("GET", "/v1/availability/"+c.sku()+"?location=lin-1&min_version="+c.seen.newest(), nil)
	}
	if err != nil {
		return output{unknown: true}, !neverSent(err)
	}
	if status == 503 || status == 429 {
		return output{unknown: true}, !bytes.Contains(text, []byte("nothing was written"))
	}
	var said struct {
		Available int    `json:"available"`
		Version   string `json:"version"`
	}
	if json.Unmarshal(text, &said) != nil {
		return output{status: -1}, true
	}
	if i.kind != query {
		c.seen.tell(said.Version)
	}
	return output{status: status, available: said.Available}, true
}

// The item with its units; asked for until it is there, its id makes that harmless.
func (c *client) stock(units int) error {
	event := map[string]interface{}{"id": "lin-stock-" + c.history, "source": "linearizability", "type": "receipt",
		"sku": c.sku(), "location": "lin-1", "quantity": units, "occurred_at": time.Now().UTC().Format(time.RFC3339)}
	for tries := 0; ; tries++ {
		status, text, err := c.ask("POST", "/v1/events", event)
		var said struct {
			Results []struct {
				Verdict, Version string
			}
		}
		if err == nil && status == 200 && json.Unmarshal(text, &said) == nil && len(said.Results) == 1 &&
			(said.Results[0].Verdict == "applied" || said.Results[0].Verdict == "duplicate") {
			c.seen.tell(said.Results[0].Version)
			return nil
		}
		if tries == 400 {
			return fmt.Errorf("no stock: %d %s %v", status, text, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func choose(r *rand.Rand, next *uint, mine []uint) input {
	what := r.Intn(100)
	switch {
	case what < 40 && *next < reservationsMost:
		number := *next
		*next++
		return input{reserve, number, unitsOf(number)}
	case what < 75 && len(mine) > 0:
		k := confirm
		if r.Intn(3) > 0 {
			k = release
		}
		number := mine[r.Intn(len(mine))]
		return input{k, number, unitsOf(number)}
	default:
		return input{kind: query}
	}
}

type result struct {
	History     string `json:"history"`
	Operations  int    `json:"operations"`
	Unknown     int    `json:"unknown"`
	Granted     int    `json:"granted"`
	Refused     int    `json:"refused"`
	Judgement   string `json:"judgement"`
	MillisCheck int64  `json:"check_ms"`
}

func run(c *client, clients, operations, units int, seed int64, lie bool) (result, error) {
	if err := c.stock(units); err != nil {
		return result{}, err
	}
	var (
		lock    sync.Mutex
		all     []porcupine.Operation
		issued  []uint
		next    uint
		waiting sync.WaitGroup
		r       = result{History: c.history}
	)
	for id := 0; id < clients; id++ {
		waiting.Add(1)
		go func(id int) {
			defer waiting.Done()
			random := rand.New(rand.NewSource(seed*1000 + int64(id)))
			for n := 0; n < operations/clients; n++ {
				lock.Lock()
				in := choose(random, &next, issued)
				lock.Unlock()
				call := time.Now().UnixNano()
				out, happened := c.do(in)
				end := time.Now().UnixNano()
				if out.unknown {
					time.Sleep(20 * time.Millisecond) // it is away: not a thousand questions in that time
				}
				if !happened {
					continue
				}
				lock.Lock()
				if in.kind == reserve {
					issued = append(issued, in.number)
				}
				if out.unknown {
					r.Unknown++
					end = int64(1) << 62
				}
				if in.kind != query || !out.unknown {
					all = append(all, porcupine.Operation{ClientId: id, Input: in, Call: call, Output: out, Return: end})
				}
				switch {
				case in.kind == reserve && out.status == 201:
					r.Granted++
				case in.kind == reserve && out.status == 409:
					r.Refused++
				}
				lock.Unlock()
			}
		}(id)
	}
	waiting.Wait()
	for i := range all {
		o := all[i].Output.(output)
		if lie && o.status == 409 && all[i].Input.(input).kind == reserve {
			o.status = 201
			all[i].Output, lie = o, false
		}
	}
	began := time.Now()
	judgement := porcupine.CheckOperationsTimeout(model(units), all, 60*time.Second)
	r.Operations, r.Judgement, r.MillisCheck = len(all), string(judgement), time.Since(began).Milliseconds()
	return r, nil
}

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the instance that is asked")
	histories := flag.Int("histories", 30, "how many")
	clients := flag.Int("clients", 8, "at once")
	operations := flag.Int("operations", 120, "of a history, all clients together")
	seed := flag.Int64("seed", time.Now().UnixNano()%1000000, "repeats the choices")
	lie := flag.Bool("lie", false, "turn one refusal of each history into a grant: to see that it is found")
	flag.Parse()
	failed, seen := false, &versions{}
	for h := 0; h < *histories; h++ {
		c := &client{url: *url, history: fmt.Sprintf("%d-%d", *seed, h), seen: seen,
			http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: *clients}}}
		r, err := run(c, *clients, *operations, 1+(h*7)%40, *seed+int64(h), *lie)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		text, _ := json.Marshal(r)
		fmt.Println(string(text))
		failed = failed || r.Judgement != string(porcupine.Ok)
	}
	if failed {
		os.Exit(1)
	}
}
