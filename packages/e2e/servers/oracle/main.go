// Answers questions with Go libraries, so that tests can compare the program with these libraries: pulls with
// go-containerregistry, credentials with the kubelet's code, NO_PROXY with golang.org/x/net. `oracle FILE` reads one
// JSON question from each line and prints one JSON answer a line, in any order.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/net/http/httpproxy"
	"k8s.io/kubernetes/pkg/credentialprovider"
)

// question has exactly one of Pull, Credentials and Routes.
type question struct {
	ID int `json:"id"`
	// Pulls the last layer of an image.
	Pull *pull `json:"pull"`
	// Finds the credentials that the kubelet would try for an image.
	Credentials *credentials `json:"credentials"`
	// Finds the URLs that are requested through a proxy.
	Routes *routes `json:"routes"`
}

type pull struct {
	Repository   string            `json:"repository"`
	Digest       string            `json:"digest"`
	Scheme       string            `json:"scheme"`
	Platform     string            `json:"platform"`
	DockerConfig string            `json:"dockerConfig"`
	CA           string            `json:"ca"`
	Environment  map[string]string `json:"environment"`
}

type credentials struct {
	DockerConfig string `json:"dockerConfig"`
	Image        string `json:"image"`
}

type routes struct {
	NoProxy string   `json:"noProxy"`
	URLs    []string `json:"urls"`
}

type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type answer struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
	// The SHA-256 of the pulled layer, in hexadecimal.
	SHA256 string `json:"sha256,omitempty"`
	// In the order in which the kubelet tries them.
	Credentials []login `json:"credentials,omitempty"`
	// `direct`, `proxied` or `invalid` for each URL of the question.
	Routes []string `json:"routes,omitempty"`
}

// environment guards the variables of this process, from which the libraries read docker configs and proxies.
var environment sync.Mutex

func withEnvironment[A any](variables map[string]string, read func() (A, error)) (A, error) {
	environment.Lock()
	defer environment.Unlock()
	for name, value := range variables {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}
	return read()
}

func proxyFrom(variables map[string]string) (func(*url.URL) (*url.URL, error), error) {
	return withEnvironment(variables, func() (func(*url.URL) (*url.URL, error), error) {
		return httpproxy.FromEnvironment().ProxyFunc(), nil
	})
}

func keychain(config string, repository name.Repository) (authn.Authenticator, error) {
	if config == "" {
		return authn.Anonymous, nil
	}
	directory, err := os.MkdirTemp("", "docker-config-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	if err := os.WriteFile(filepath.Join(directory, "config.json"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	return withEnvironment(map[string]string{"DOCKER_CONFIG": directory}, func() (authn.Authenticator, error) {
		return authn.DefaultKeychain.Resolve(repository)
	})
}

func (p *pull) transport() (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	proxyOf, err := proxyFrom(p.Environment)
	if err != nil {
		return nil, err
	}
	transport.Proxy = func(request *http.Request) (*url.URL, error) { return proxyOf(request.URL) }
	if p.CA != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(p.CA))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return transport, nil
}

func (p *pull) run(ctx context.Context) (string, error) {
	options := []name.Option{name.StrictValidation}
	if p.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	repository, err := name.NewRepository(p.Repository, options...)
	if err != nil {
		return "", err
	}
	platform, err := v1.ParsePlatform(p.Platform)
	if err != nil {
		return "", err
	}
	auth, err := keychain(p.DockerConfig, repository)
	if err != nil {
		return "", err
	}
	transport, err := p.transport()
	if err != nil {
		return "", err
	}
	defer transport.CloseIdleConnections()
	image, err := remote.Image(
		repository.Digest(p.Digest),
		remote.WithContext(ctx),
		remote.WithAuth(auth),
		remote.WithPlatform(*platform),
		remote.WithTransport(transport),
		// The default number of attempts, but with milliseconds between them instead of seconds.
		remote.WithRetryBackoff(remote.Backoff{Duration: time.Millisecond, Factor: 3, Jitter: 0.1, Steps: 3}),
	)
	if err != nil {
		return "", err
	}
	layers, err := image.Layers()
	if err != nil {
		return "", err
	}
	if len(layers) == 0 {
		return "", errors.New("no layers")
	}
	reader, err := layers[len(layers)-1].Compressed()
	if err != nil {
		return "", err
	}
	defer reader.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, reader); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (c *credentials) run() ([]login, error) {
	// The kubelet reads a Secret of type kubernetes.io/dockerconfigjson in this way (pkg/credentialprovider/secrets).
	var config credentialprovider.DockerConfigJSON
	if err := json.Unmarshal([]byte(c.DockerConfig), &config); err != nil {
		return nil, err
	}
	keyring := &credentialprovider.BasicDockerKeyring{}
	keyring.Add(nil, config.Auths)
	found, _ := keyring.Lookup(c.Image)
	logins := []login{}
	for _, each := range found {
		logins = append(logins, login{each.Username, each.Password})
	}
	return logins, nil
}

func (r *routes) run() []string {
	proxyOf := (&httpproxy.Config{
		HTTPProxy:  "http://proxy.test",
		HTTPSProxy: "http://proxy.test",
		NoProxy:    r.NoProxy,
	}).ProxyFunc()
	found := []string{}
	for _, each := range r.URLs {
		address, err := url.Parse(each)
		if err != nil {
			found = append(found, "invalid")
		} else if proxy, err := proxyOf(address); err != nil {
			found = append(found, "invalid")
		} else if proxy == nil {
			found = append(found, "direct")
		} else {
			found = append(found, "proxied")
		}
	}
	return found
}

func respond(q question) (a answer) {
	a.ID = q.ID
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	defer func() {
		if failure := recover(); failure != nil {
			a.Error = fmt.Sprint("panic: ", failure)
		}
	}()
	var err error
	switch {
	case q.Pull != nil:
		a.SHA256, err = q.Pull.run(ctx)
	case q.Credentials != nil:
		a.Credentials, err = q.Credentials.run()
	case q.Routes != nil:
		a.Routes = q.Routes.run()
	default:
		err = errors.New("no question")
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: oracle FILE")
		os.Exit(2)
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	output := json.NewEncoder(os.Stdout)
	var writing sync.Mutex
	var running sync.WaitGroup
	decoder := json.NewDecoder(bufio.NewReader(file))
	for {
		var q question
		if err := decoder.Decode(&q); err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			break
		}
		running.Go(func() {
			a := respond(q)
			writing.Lock()
			defer writing.Unlock()
			if err := output.Encode(a); err != nil {
				os.Exit(1)
			}
		})
	}
	running.Wait()
}
