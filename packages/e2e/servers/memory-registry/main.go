// go-containerregistry's in-memory registry, over TLS and with a password:
//
//	memory-registry ADDRESS CERTIFICATE KEY LOGIN
//
// LOGIN is a file with `username:password`. Each request reads the file again.
package main

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// recorded counts the status and the body bytes of a response, for the access log.
type recorded struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorded) Write(body []byte) (int, error) {
	count, err := r.ResponseWriter.Write(body)
	r.bytes += int64(count)
	return count, err
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		answer := &recorded{ResponseWriter: writer, status: http.StatusOK}
		// The combined log format. Deferred, so that a request is logged even if its handler panics.
		defer func() {
			fmt.Printf("%s - - [%s] \"%s %s %s\" %d %d \"\" \"%s\"\n",
				request.RemoteAddr, time.Now().Format("02/Jan/2006:15:04:05 -0700"), request.Method,
				request.URL.RequestURI(), request.Proto, answer.status, answer.bytes, request.UserAgent())
		}()
		next.ServeHTTP(answer, request)
	})
}

func private(login string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		wanted, err := os.ReadFile(login)
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		username, password, _ := request.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(username+":"+password), []byte(strings.TrimSpace(string(wanted)))) != 1 {
			writer.Header().Set("WWW-Authenticate", `Basic realm="memory"`)
			http.Error(writer, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(writer, request)
	})
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: memory-registry ADDRESS CERTIFICATE KEY LOGIN")
		os.Exit(2)
	}
	address, certificate, key, login := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	held := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	log.Fatal(http.ListenAndServeTLS(address, certificate, key, logged(private(login, held))))
}
