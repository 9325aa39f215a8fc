/* What runs in the containers of tests/e2e/docker_in_docker.sh. Static, so that it is a whole image.
 *
 *   say WORD…        prints the words
 *   serve PORT WORD  answers every connection with the word
 *   ask HOST PORT    prints what HOST answers; tries for two minutes, because the other service may start later */

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_socket(const char* host, const char* port) {
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = host ? 0 : AI_PASSIVE};
  struct addrinfo* found = NULL;
  if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
  int fd = socket(found->ai_family, found->ai_socktype, 0);
  int done = host ? connect(fd, found->ai_addr, found->ai_addrlen) : bind(fd, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  if (done == 0) return fd;
  close(fd);
  return -1;
}

static int serve(const char* port, const char* word) {
  int listener = open_socket(NULL, port);
  if (listener < 0 || listen(listener, 8) != 0) return 1;
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) return 1;
    dprintf(client, "%s\n", word);
    close(client);
  }
}

static int ask(const char* host, const char* port) {
  int server = -1;
  for (int i = 0; i < 120 && (server = open_socket(host, port)) < 0; ++i) sleep(1);
  char answer[256];
  ssize_t size = server < 0 ? -1 : read(server, answer, sizeof(answer));
  if (size < 0) return 1;
  printf("%s answers %.*s", host, (int)size, answer);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "serve") == 0) return serve(argv[2], argv[3]);
  if (argc == 4 && strcmp(argv[1], "ask") == 0) return ask(argv[2], argv[3]);
  for (int i = 2; i < argc; ++i) printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
  return argc < 3;
}
