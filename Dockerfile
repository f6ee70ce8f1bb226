# Serves the model that is mounted at /model:
#   docker build --tag viewfinder .
#   docker run --rm --publish 127.0.0.1:8000:8000 --volume "$PWD/runs/pets:/model:ro" viewfinder
FROM python:3.11-slim

COPY . /source
RUN pip install --no-cache-dir --constraint /source/constraints.txt '/source[serve]' \
    && rm -r /source \
    && useradd --create-home viewfinder

USER viewfinder
EXPOSE 8000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/live', timeout=3)"]
# As the first process of the container it receives SIGTERM, and ends once all requests are answered.
ENTRYPOINT ["viewfinder", "serve", "/model", "--host", "0.0.0.0"]
