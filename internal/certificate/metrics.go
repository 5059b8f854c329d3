package certificate

import (
	"crypto/x509"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var ends = prometheus.NewDesc("stagecast_tls_certificate_end_time_seconds",
	"Unix time at which the certificate in use ends, by its first name.", []string{"name"}, nil)

// Ends is a prometheus.Collector of when certificates end: it is called at each collection, with what to call for each, and
// with each name once.
type Ends func(yield func(name string, end time.Time))

// Describe implements prometheus.Collector.
func (Ends) Describe(ch chan<- *prometheus.Desc) { ch <- ends }

// Collect implements prometheus.Collector.
func (e Ends) Collect(ch chan<- prometheus.Metric) {
	e(func(name string, end time.Time) {
		ch <- prometheus.MustNewConstMetric(ends, prometheus.GaugeValue, float64(end.Unix()), name)
	})
}

// Name is what a certificate is called in the log and in metrics: the first of what it is for.
func Name(leaf *x509.Certificate) string {
	switch {
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return leaf.Subject.CommonName
}
