using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;

namespace Sleb.Cli.Experiments;

/// <summary>A session file, <c>sleb.json</c>: an experiment to run again, and its last result. Keys that are not known here stay in it.</summary>
internal sealed class ExperimentSession
{
    public const string FileName = "sleb.json";

    private const string BestKey = "best";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new Sleb.Cli.Json.FiniteConverter() },
    };

    private readonly JsonObject _document;

    private ExperimentSession(string path, JsonObject document, SessionSettings settings) => (Path, _document, Settings) = (path, document, settings);

    /// <summary>The file.</summary>
    public string Path { get; }

    public SessionSettings Settings { get; }

    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>Keys that mean nothing here, for example because they are mistyped.</summary>
    public IReadOnlyList<string> UnknownKeys { get; private init; } = [];

    /// <exception cref="CheckpointException">The file is damaged, of another format, or not a session.</exception>
    public static ExperimentSession Load(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            var document = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new JsonException("it is not an object");
            string? format = document["format"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
            if (format != SessionSettings.CurrentFormat)
                throw new CheckpointException($"{path} has the format '{format}'; '{SessionSettings.CurrentFormat}' is expected. Give a session file, or the folder of a model.");
            var settings = document.Deserialize<SessionSettings>(Json)!;
            if (settings.Model.Length == 0) throw new CheckpointException($"{path} names no model; give its folder or hub id as \"model\".");
            return new(path, document, settings) { UnknownKeys = [.. Unknown(document, (JsonObject)JsonSerializer.SerializeToNode(settings, Json)!)] };
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is not a session file ({e.Message}).", e);
        }
    }

    /// <summary>The session of a call: its file, in a checkpoint folder, is written by <see cref="Save"/>. What another version kept in that file stays.</summary>
    public static ExperimentSession Of(SessionSettings settings, string checkpoint)
    {
        string folder = System.IO.Path.GetFullPath(checkpoint), path = System.IO.Path.Combine(folder, FileName);
        settings = settings with
        {
            Model = HubId.TryParse(settings.Model) is not null && !System.IO.Path.Exists(settings.Model) ? settings.Model : Relative(settings.Model),
            Calibration = [.. settings.Calibration.Select(Relative)],
            Evaluation = settings.Evaluation is { } evaluation ? Relative(evaluation) : null,
            Checkpoint = ".",
            Out = settings.Out is { } target ? Relative(target) : null,
        };
        var document = File.Exists(path) ? Load(path)._document : [];
        foreach (var (key, value) in (JsonObject)JsonSerializer.SerializeToNode(settings, Json)!) document[key] = value?.DeepClone();
        return new(path, document, settings);

        string Relative(string file) => System.IO.Path.GetRelativePath(folder, System.IO.Path.GetFullPath(file)).Replace(System.IO.Path.DirectorySeparatorChar, '/');
    }

    /// <summary>A path of the file, whole.</summary>
    public string Resolve(string path) => System.IO.Path.GetFullPath(path, Folder);

    /// <summary>The model's folder, or its id where no such folder is there.</summary>
    public string Model => System.IO.Path.Exists(Resolve(Settings.Model)) || HubId.TryParse(Settings.Model) is null ? Resolve(Settings.Model) : Settings.Model;

    /// <summary>Writes the file with what was chosen.</summary>
    public void Save<T>(T best)
    {
        _document[BestKey] = JsonSerializer.SerializeToNode(best, Json);
        Directory.CreateDirectory(Folder);
        WholeFile.Write(Path, _document.ToJsonString(Json) + "\n");
    }

    private static IEnumerable<string> Unknown(JsonObject document, JsonObject known, string prefix = "")
    {
        foreach (var (key, value) in document)
        {
            string name = prefix + key;
            string? match = known.Select(pair => pair.Key).FirstOrDefault(each => each.Equals(key, StringComparison.OrdinalIgnoreCase)); // as it is read
            if (match is null && name != BestKey) yield return name;
            if (value is JsonObject part && match is not null && known[match] is JsonObject knownPart)
                foreach (string unknown in Unknown(part, knownPart, name + ".")) yield return unknown;
        }
    }
}
