// Command app names what the benchmark downloads.
package main

import (
	_ "github.com/gin-gonic/gin"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/spf13/viper"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "google.golang.org/grpc"
	_ "gorm.io/gorm"
	_ "k8s.io/client-go/kubernetes"
)

func main() {}
