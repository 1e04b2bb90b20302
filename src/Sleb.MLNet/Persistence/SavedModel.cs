using System.Text.Encodings.Web;
using System.Text.Json;
using Sleb.Core.Checkpoints;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Persistence;

/// <summary>What a pipeline file remembers of a model: where its folder was, how to know it again and how rows are scored; never the weights.</summary>
internal sealed record SavedModel
{
    private const string CurrentFormat = "sleb-mlnet/1";

    // Plain ASCII: the text travels as a constant of an ML.NET expression.
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.Default };

    public string Format { get; init; } = CurrentFormat;

    /// <summary>Absolute path of the folder when the pipeline was saved.</summary>
    public required string Folder { get; init; }

    /// <summary>Its name, to look for elsewhere.</summary>
    public required string Name { get; init; }

    public required string Fingerprint { get; init; }

    public required ScoringSettings Settings { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    public static SavedModel Parse(string json)
    {
        SavedModel? saved;
        try
        {
            saved = JsonSerializer.Deserialize<SavedModel>(json, Json);
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"The saved pipeline's description of its SLEB model is damaged ({e.Message}); save the pipeline again.", e);
        }
        return saved?.Format == CurrentFormat ? saved
            : throw new CheckpointException($"The saved pipeline describes its SLEB model in the format '{saved?.Format}'; '{CurrentFormat}' is expected. Save it with this version of Sleb.MLNet.");
    }
}
