// A stand-in for kube-rbac-proxy v0.21 (github.com/brancz/kube-rbac-proxy), only for tests and benchmarks: the Go
// module proxy does not serve the module of the original. If the original is in PATH, tests and benchmarks use it.
//
// The stand-in uses the same libraries as the original (k8s.io/apiserver's delegating authenticator and authorizer,
// httputil.ReverseProxy, crypto/tls), but shares no code with it. It accepts the flags and the config file that sidecar
// mode needs. It reviews the same verbs and caches decisions for the same time. Like the original, it exits if the
// certificate does not match the key. The tests also pass with the original v0.21.0. They do not compare the requests
// to the upstream, errors in the config file, or HTTP/2 limits.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"path"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"
)

var (
	listen      = pflag.String("secure-listen-address", "", "address to serve HTTPS on")
	upstream    = pflag.String("upstream", "", "URL that requests are forwarded to")
	ignorePaths = pflag.StringSlice("ignore-paths", nil, "patterns of paths that are served without authentication and authorization")
	configFile  = pflag.String("config-file", "", "YAML file with the permission that all other paths require")
	certFile    = pflag.String("tls-cert-file", "", "serving certificate; default: self-signed")
	keyFile     = pflag.String("tls-private-key-file", "", "key of the serving certificate")
	reload      = pflag.Duration("tls-reload-interval", time.Minute, "interval at which the certificate and its key are reloaded")
	clientCA    = pflag.String("client-ca-file", "", "authorities of client certificates")
	kubeconfig  = pflag.String("kubeconfig", "", "kubeconfig of the API server; default: the pod's service account")
)

// The fields of kube-rbac-proxy's config file that sidecar mode uses. A file with other fields is an error.
type config struct {
	Authorization struct {
		ResourceAttributes struct {
			Namespace   string `json:"namespace"`
			APIGroup    string `json:"apiGroup"`
			APIVersion  string `json:"apiVersion"`
			Resource    string `json:"resource"`
			Subresource string `json:"subresource"`
			Name        string `json:"name"`
		} `json:"resourceAttributes"`
	} `json:"authorization"`
}

var verbs = map[string]string{
	http.MethodGet:    "get",
	http.MethodPost:   "create",
	http.MethodPut:    "update",
	http.MethodPatch:  "patch",
	http.MethodDelete: "delete",
}

// verbOf returns the RBAC verb of an HTTP method: `*` (all verbs) for HEAD and for methods without a verb.
func verbOf(method string) string {
	if verb, ok := verbs[method]; ok {
		return verb
	}
	return "*"
}

// The retry backoff for reviews, with the values of k8s.io/apiserver's DefaultAuthWebhookRetryBackoff.
var backoff = &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}

func main() {
	klogFlags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(klogFlags)
	pflag.CommandLine.AddGoFlag(klogFlags.Lookup("v"))
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var rule config
	text, err := os.ReadFile(*configFile)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, &rule); err != nil {
		return fmt.Errorf("%s: %w", *configFile, err)
	}
	target, err := url.Parse(*upstream)
	if err != nil {
		return err
	}
	rest, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}
	who, err := authentication(ctx, client)
	if err != nil {
		return err
	}
	may, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             5 * time.Minute,
		DenyCacheTTL:              30 * time.Second,
		WebhookRetryBackoff:       backoff,
	}.New()
	if err != nil {
		return err
	}
	// Uses http.DefaultTransport, which keeps at most two idle connections to the upstream.
	proxy := httputil.NewSingleHostReverseProxy(target)
	// As in the original, the mux redirects paths with empty or dot segments before authentication.
	mux := http.NewServeMux()
	mux.Handle("/", gate{who: who, may: may, rule: rule, proxy: proxy})
	return serve(ctx, mux)
}

func authentication(ctx context.Context, client kubernetes.Interface) (authenticator.Request, error) {
	delegating := authenticatorfactory.DelegatingAuthenticatorConfig{
		CacheTTL:                2 * time.Minute,
		TokenAccessReviewClient: client.AuthenticationV1(),
		WebhookRetryBackoff:     backoff,
	}
	if *clientCA != "" {
		authorities, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", *clientCA)
		if err != nil {
			return nil, err
		}
		go authorities.Run(ctx, 1)
		delegating.ClientCertificateCAContentProvider = authorities
	}
	who, _, err := delegating.New()
	return who, err
}

// gate forwards a request to the upstream if its path is ignored or its sender is authorized.
type gate struct {
	who   authenticator.Request
	may   authorizer.Authorizer
	rule  config
	proxy http.Handler
}

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, pattern := range *ignorePaths {
		if matches, err := path.Match(pattern, r.URL.Path); err == nil && matches {
			g.proxy.ServeHTTP(w, r)
			return
		}
	}
	found, ok, err := g.who.AuthenticateRequest(r)
	if err != nil || !ok {
		klog.V(2).InfoS("not authenticated", "err", err)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	needed := g.rule.Authorization.ResourceAttributes
	asked := authorizer.AttributesRecord{
		User:            found.User,
		Verb:            verbOf(r.Method),
		Namespace:       needed.Namespace,
		APIGroup:        needed.APIGroup,
		APIVersion:      needed.APIVersion,
		Resource:        needed.Resource,
		Subresource:     needed.Subresource,
		Name:            needed.Name,
		ResourceRequest: true,
	}
	decision, _, err := g.may.Authorize(r.Context(), asked)
	about := fmt.Sprintf("(user=%s, verb=%s, resource=%s, subresource=%s)",
		found.User.GetName(), asked.Verb, asked.Resource, asked.Subresource)
	switch {
	case err != nil:
		klog.ErrorS(err, "not reviewed")
		http.Error(w, "Authorization error "+about, http.StatusInternalServerError)
	case decision != authorizer.DecisionAllow:
		http.Error(w, "Forbidden "+about, http.StatusForbidden)
	default:
		g.proxy.ServeHTTP(w, r)
	}
}

func serve(ctx context.Context, handler http.Handler) error {
	certificate, reloading, err := serving(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler,
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS12,
			ClientAuth:     tls.RequestClientCert,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil },
		},
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	klog.Infof("Listening securely on %v", listener.Addr())
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()
	select {
	case err = <-reloading:
		return fmt.Errorf("reloading failed: %w", err)
	case err = <-served:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// serving returns the serving certificate, which is reloaded from its files, and a channel that receives the first
// reload error. Reloading fails if a file cannot be read, or if the certificate does not match the key, for example
// while the files are replaced one after the other.
func serving(ctx context.Context) (*atomic.Pointer[tls.Certificate], <-chan error, error) {
	held := &atomic.Pointer[tls.Certificate]{}
	reloading := make(chan error, 1)
	if *certFile == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, nil, err
		}
		chain, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
		if err != nil {
			return nil, nil, err
		}
		pair, err := tls.X509KeyPair(chain, key)
		held.Store(&pair)
		return held, reloading, err
	}
	pair, err := tls.LoadX509KeyPair(*certFile, *keyFile)
	held.Store(&pair)
	following, stop := context.WithCancel(ctx)
	go wait.UntilWithContext(following, func(context.Context) {
		pair, err := tls.LoadX509KeyPair(*certFile, *keyFile)
		if err != nil {
			reloading <- err
			stop()
			return
		}
		held.Store(&pair)
	}, *reload)
	return held, reloading, err
}
