// What pods of foreign tests of network policies run, under three names.
//
// `agnhost`: `connect` as agnhost has it, with the same words and exit codes; that one takes 50 ms of a processor to begin. SCTP is here since the
// kernel may have none: `connect` sends INIT as a client of SCTP would, in a packet of its own, and `porter` answers INIT ACK. No association
// comes of it, which policies do not ask for. All else is left to agnhost.
//
// `worker`: what cyclonus has a pod ask in one go. That of cyclonus starts `agnhost connect` for each question, ten at a time.
//
// `bash`: network-policy-api starts its servers by `bash -c`. The words of the command are taken as they stand.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand"
	"net"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const agnhost = "/agnhost-2"

// Variables of `agnhost porter`: SERVE_SCTP_PORT_9003=foo.
const sctpVariable = "SERVE_SCTP_PORT_"

// How long a question of cyclonus waits. Its own worker asks twice, for a second each.
const workerTimeout = 2 * time.Second

// SCTP (RFC 9260, section 3): the common header is 12 octets, INIT and INIT ACK follow with 20.
const (
	sctpProtocol  = "ip4:132"
	commonHeader  = 12
	initLength    = 20
	chunkInit     = 1
	chunkInitAck  = 2
	resendAfter   = 300 * time.Millisecond
	window        = 65536
	ephemeralFrom = 32768
	ephemeral     = 28232
)

func main() {
	arguments := os.Args[1:]
	name, command := path.Base(os.Args[0]), ""
	if len(arguments) > 0 {
		command = arguments[0]
	}
	switch ports := sctpPorts(); {
	case name == "worker" && len(arguments) == 2:
		work([]byte(arguments[1]))
	case name == "bash" && len(arguments) == 2:
		words := strings.Fields(arguments[1])
		fail("OTHER: %v", syscall.Exec(words[0], words, os.Environ()))
	case command == "connect":
		connect(arguments[1:])
	case command == "porter" && len(ports) > 0:
		serveSctp(ports)
	default:
		fail("OTHER: %v", syscall.Exec(agnhost, append([]string{agnhost}, arguments...), os.Environ()))
	}
}

func connect(arguments []string) {
	destination, protocol, timeout := "", "tcp", time.Duration(0)
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		switch name {
		case "--timeout":
			parsed, err := time.ParseDuration(value)
			if err != nil {
				fail("%v", err)
			}
			timeout = parsed
		case "--protocol":
			protocol = value
		default:
			destination = argument
		}
	}
	host, port, err := net.SplitHostPort(destination)
	if err != nil {
		fail("UNKNOWN: %v", err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		fail("UNKNOWN: %v", err)
	}
	address, err := addressOf(host, timeout)
	if err != nil {
		fail("DNS: %v", err)
	}
	check(ask(protocol, address, uint16(number), timeout))
}

// As cyclonus has them, in JSON.
type request struct {
	Key      string
	Protocol string
	Host     string
	Port     int
}

type result struct {
	Request request
	Output  string
	Error   string
}

// Answers all questions at once. Each name is looked up once.
func work(jobs []byte) {
	var batch struct{ Requests []request }
	check(json.Unmarshal(jobs, &batch))
	lookups := map[string]func() (*net.IPAddr, error){}
	for _, one := range batch.Requests {
		if lookups[one.Host] == nil {
			lookups[one.Host] = sync.OnceValues(func() (*net.IPAddr, error) { return addressOf(one.Host, workerTimeout) })
		}
	}
	results := make([]result, len(batch.Requests))
	var all sync.WaitGroup
	for at, one := range batch.Requests {
		all.Go(func() {
			address, err := lookups[one.Host]()
			if err == nil {
				err = ask(strings.ToLower(one.Protocol), address, uint16(one.Port), workerTimeout)
			}
			results[at] = result{Request: one}
			if err != nil {
				results[at].Error = err.Error()
			}
		})
	}
	all.Wait()
	check(json.NewEncoder(os.Stdout).Encode(results))
}

// Asks for IPv4 alone: each name is looked up in several domains, and there are thousands of questions.
func addressOf(host string, timeout time.Duration) (*net.IPAddr, error) {
	if ip := net.ParseIP(host); ip != nil {
		return &net.IPAddr{IP: ip}, nil
	}
	until, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupIP(until, "ip4", host)
	if err != nil {
		return nil, err
	}
	return &net.IPAddr{IP: found[0]}, nil
}

// Whether somebody answers there.
func ask(protocol string, address *net.IPAddr, port uint16, timeout time.Duration) error {
	target := net.JoinHostPort(address.String(), strconv.Itoa(int(port)))
	switch protocol {
	case "tcp":
		connection, err := net.DialTimeout("tcp", target, timeout)
		if err != nil {
			return err
		}
		return connection.Close()
	case "udp":
		return askUdp(target, timeout)
	case "sctp":
		return askSctp(address, port, timeout)
	}
	return fmt.Errorf("there is no protocol %s", protocol)
}

// Sends a line, and waits for any answer.
func askUdp(target string, timeout time.Duration) error {
	connection, err := net.Dial("udp", target)
	if err != nil {
		return err
	}
	defer connection.Close()
	if timeout > 0 {
		connection.SetDeadline(time.Now().Add(timeout))
	}
	if _, err = connection.Write([]byte("hostname\n")); err != nil {
		return err
	}
	_, err = connection.Read(make([]byte, 1024))
	return err
}

// Sends INIT until INIT ACK comes. A raw socket hears what comes from the address that it is connected to; Read would have the header of IP, too.
func askSctp(address *net.IPAddr, port uint16, timeout time.Duration) error {
	connection, err := net.DialIP(sctpProtocol, nil, address)
	if err != nil {
		return err
	}
	defer connection.Close()
	own := uint16(ephemeralFrom + rand.Intn(ephemeral))
	init := sctpPacket(own, port, 0, chunkInit, 1+rand.Uint32()>>1)
	answer := make([]byte, 2048)
	for end := time.Now().Add(timeout); time.Now().Before(end); {
		if _, err := connection.Write(init); err != nil {
			// An ICMP error came: another packet says nothing else.
			return err
		}
		until := time.Now().Add(resendAfter)
		if until.After(end) {
			until = end
		}
		connection.SetReadDeadline(until)
		for {
			length, _, err := connection.ReadFromIP(answer)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				return err
			}
			if kind, from, to, _ := readSctp(answer[:length]); kind == chunkInitAck && from == port && to == own {
				return nil
			}
		}
	}
	return os.ErrDeadlineExceeded
}

func sctpPorts() map[uint16]bool {
	ports := map[uint16]bool{}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if number, isThere := strings.CutPrefix(name, sctpVariable); isThere {
			port, err := strconv.ParseUint(number, 10, 16)
			check(err)
			ports[uint16(port)] = true
		}
	}
	return ports
}

// Answers each INIT to one of the ports. Each server of a pod hears them all.
func serveSctp(ports map[uint16]bool) {
	connection, err := net.ListenIP(sctpProtocol, nil)
	check(err)
	packet := make([]byte, 2048)
	for {
		length, from, err := connection.ReadFromIP(packet)
		check(err)
		kind, source, destination, tag := readSctp(packet[:length])
		if kind != chunkInit || !ports[destination] {
			continue
		}
		// What cannot be sent is asked for again.
		connection.WriteToIP(sctpPacket(destination, source, tag, chunkInitAck, 1+rand.Uint32()>>1), from)
	}
}

func sctpPacket(source, destination uint16, verification uint32, kind byte, tag uint32) []byte {
	packet := make([]byte, commonHeader+initLength)
	binary.BigEndian.PutUint16(packet, source)
	binary.BigEndian.PutUint16(packet[2:], destination)
	binary.BigEndian.PutUint32(packet[4:], verification)
	chunk := packet[commonHeader:]
	chunk[0] = kind
	binary.BigEndian.PutUint16(chunk[2:], initLength)
	binary.BigEndian.PutUint32(chunk[4:], tag)
	binary.BigEndian.PutUint32(chunk[8:], window)
	// Streams out and in, and the first number.
	binary.BigEndian.PutUint16(chunk[12:], 1)
	binary.BigEndian.PutUint16(chunk[14:], 1)
	binary.BigEndian.PutUint32(chunk[16:], tag)
	// The only field of the Internet in this order.
	binary.LittleEndian.PutUint32(packet[8:], crc32.Checksum(packet, crc32.MakeTable(crc32.Castagnoli)))
	return packet
}

func readSctp(packet []byte) (kind byte, source, destination uint16, tag uint32) {
	if len(packet) < commonHeader+initLength {
		return 0, 0, 0, 0
	}
	return packet[commonHeader], binary.BigEndian.Uint16(packet), binary.BigEndian.Uint16(packet[2:]),
		binary.BigEndian.Uint32(packet[commonHeader+4:])
}

// As agnhost has it: the first word says what kind of error it is.
func check(err error) {
	var timeout net.Error
	switch {
	case err == nil:
	case errors.As(err, &timeout) && timeout.Timeout():
		fail("TIMEOUT: %v", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		fail("REFUSED: %v", err)
	default:
		fail("OTHER: %v", err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
