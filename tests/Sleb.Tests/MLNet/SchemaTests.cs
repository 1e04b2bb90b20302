using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.MLNet;

namespace Sleb.Tests.MLNet;

/// <summary>Wrong columns and wrong settings are refused before any work.</summary>
public sealed class SchemaTests
{
    private readonly MLContext _ml = new();

    private sealed class Row
    {
        public string Text { get; set; } = "";
        public float Number { get; set; }
        public string[] Words { get; set; } = [];
    }

    // A model folder that does not exist: whoever looks at it before the columns gives another error.
    private SlebPruneEstimator Prune(string column) => _ml.Transforms.SlebPrune("Completion", column, "no/such/folder", 1);

    private SlebModelEstimator Apply(string column) => _ml.Transforms.ApplySlebModel("Completion", column, "no/such/folder");

    private IDataView Data => _ml.Data.LoadFromEnumerable(new[] { new Row { Text = "text" } });

    private SchemaShape Shape => _ml.Transforms.CopyColumns("Text", "Text").GetOutputSchema(new SchemaShape(
        new TextOnly(_ml).Shape));

    [Theory]
    [InlineData("Missing", "The data has no column 'Missing'; it has 'Text', 'Number', 'Words'. Set InputColumnName to its text column.")]
    [InlineData("Number", "The column 'Number' is of type Single, but a text column (a scalar of type String) is needed.")]
    [InlineData("Words", "The column 'Words' is of type Vector<String>, but a text column (a scalar of type String) is needed.")]
    public void Fit_names_a_missing_or_mistyped_column(string column, string sentence)
    {
        Assert.StartsWith(sentence, Assert.Throws<ArgumentOutOfRangeException>(() => Prune(column).Fit(Data)).Message, StringComparison.Ordinal);
        Assert.StartsWith(sentence, Assert.Throws<ArgumentOutOfRangeException>(() => Apply(column).Fit(Data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fit_names_a_column_that_the_evaluation_data_lacks()
    {
        var estimator = _ml.Transforms.SlebPrune(new() { ModelFolder = "no/such/folder", RemoveBlocks = 1, EvaluationData = _ml.Data.LoadFromEnumerable(new[] { new { Other = 1 } }) });
        Assert.Contains("no column 'Text'", Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(Data)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Missing")]
    [InlineData("Number")]
    [InlineData("Words")]
    public void A_pipeline_is_checked_before_it_runs(string column)
    {
        foreach (var estimator in new IEstimator<ITransformer>[] { Prune(column), Apply(column) })
            Assert.Contains($"'{column}'", Assert.Throws<ArgumentOutOfRangeException>(() => estimator.GetOutputSchema(Shape)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_shape_has_all_columns_of_the_input_and_the_new_ones()
    {
        var shape = Apply("Text").GetOutputSchema(Shape);
        Assert.Equal(["Completion", "NegativeLogLikelihood", "Number", "Text", "Words"], shape.Select(column => column.Name).Order());
        var completion = shape.Single(column => column.Name == "Completion");
        var score = shape.Single(column => column.Name == "NegativeLogLikelihood");
        Assert.Equal((SchemaShape.Column.VectorKind.Scalar, (DataViewType)TextDataViewType.Instance), (completion.Kind, completion.ItemType));
        Assert.Equal((SchemaShape.Column.VectorKind.Scalar, (DataViewType)NumberDataViewType.Single), (score.Kind, score.ItemType));
    }

    [Fact]
    public void All_wrong_settings_are_named_in_one_exception()
    {
        var options = new SlebPruneOptions { Windows = 0, SequenceLength = 1, OutputColumnName = null, ScoreColumnName = "", EvaluationFile = "f", EvaluationData = Data, TopP = 0 };
        string message = Assert.Throws<ArgumentException>(() => _ml.Transforms.SlebPrune(options)).Message;
        Assert.StartsWith("The settings of SlebPrune are wrong. ModelFolder is empty;", message, StringComparison.Ordinal);
        foreach (string name in new[] { "RemoveBlocks is 0", "SequenceLength is 1", "Windows is 0", "EvaluationData and EvaluationFile", "both empty", "TopP is 0" })
            Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.StartsWith("The settings of ApplySlebModel are wrong. ModelFolder is empty;",
            Assert.Throws<ArgumentException>(() => new SlebModelEstimator(_ml, new())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_are_copied_when_the_estimator_is_made()
    {
        var options = new ApplySlebModelOptions { ModelFolder = "no/such/folder", InputColumnName = "Number" };
        var estimator = _ml.Transforms.ApplySlebModel(options);
        options.InputColumnName = "Text";
        Assert.Contains("'Number'", Assert.Throws<ArgumentOutOfRangeException>(() => estimator.Fit(Data)).Message, StringComparison.Ordinal);
    }

    /// <summary>The shape of <see cref="Row"/>, which ML.NET hands out only while it checks a pipeline.</summary>
    private sealed class TextOnly(MLContext ml)
    {
        public IEnumerable<SchemaShape.Column> Shape
        {
            get
            {
                var spy = new Spy();
                var data = ml.Data.LoadFromEnumerable(new[] { new Row { Words = ["w"] } });
                ml.Transforms.CopyColumns("Text", "Text").Append(spy).Append(ml.Transforms.CopyColumns("Text", "Text")).Fit(data);
                return spy.Seen!;
            }
        }
    }

    private sealed class Spy : IEstimator<ITransformer>
    {
        public SchemaShape? Seen { get; private set; }

        public ITransformer Fit(IDataView input) => new MLContext().Transforms.CopyColumns("Text", "Text").Fit(input);

        public SchemaShape GetOutputSchema(SchemaShape inputSchema) => Seen = inputSchema;
    }
}
