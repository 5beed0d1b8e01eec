// What Go's net/http answers with the same bytes: main PORT FILE SECONDS.
package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	raw, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	seconds, _ := strconv.Atoi(os.Args[3])
	time.AfterFunc(time.Duration(seconds)*time.Second, func() { os.Exit(0) })
	length := strconv.Itoa(len(body))
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range answer.Header {
			if name != "Date" {
				w.Header()[name] = values
			}
		}
		w.Header().Set("Content-Length", length)
		w.Write(body)
	})))
}
